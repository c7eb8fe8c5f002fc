"""Faults on demand."""

import asyncio

import httpx
import pytest

from contract.aap.conftest import Aap, about
from sandbox.aap.faults import Fault, FaultKind

LAUNCH = r"/launch/$"


async def test_a_fault_strikes_as_often_as_it_was_told_to(aap: Aap) -> None:
    await aap.control.add_faults(Fault(kind=FaultKind.ANSWER, path="^/jobs/$", times=2))

    codes = [(await aap.http.get("/jobs/")).status_code for _ in range(3)]

    assert codes == [502, 502, 200]


async def test_a_fault_may_spare_the_first_requests_and_last_until_it_is_cleared(aap: Aap) -> None:
    await aap.control.add_faults(Fault(kind=FaultKind.ANSWER, status=500, skip=1, times=None))

    codes = [(await aap.http.get("/jobs/")).status_code for _ in range(4)]
    await aap.control.clear_faults()

    assert codes == [200, 500, 500, 500]
    assert (await aap.http.get("/jobs/")).status_code == 200


async def test_other_methods_and_paths_are_spared(aap: Aap) -> None:
    await aap.control.add_faults(Fault(kind=FaultKind.ANSWER, method="POST", path=LAUNCH))

    assert (await aap.http.get("/jobs/")).status_code == 200
    assert (await aap.launch()).status_code == 502
    assert await aap.ids("/jobs/") == []


async def test_a_gateway_answers_in_html_and_a_controller_in_json(aap: Aap) -> None:
    await aap.control.add_faults(
        Fault(kind=FaultKind.ANSWER, status=504),
        Fault(kind=FaultKind.ANSWER, status=429, body='{"detail": "slow down"}', retry_after="7"),
    )

    gateway, controller = await aap.http.get("/jobs/"), await aap.http.get("/jobs/")

    assert gateway.headers["Content-Type"].startswith("text/html")
    assert controller.json() == {"detail": "slow down"}
    assert controller.headers["Retry-After"] == "7"


async def test_a_connection_that_breaks_first_leaves_no_job(aap: Aap) -> None:
    await aap.control.add_faults(Fault(kind=FaultKind.DROP, path=LAUNCH))

    with pytest.raises(httpx.TransportError):
        await aap.launch(extra_vars=about("vm"))

    assert await aap.ids("/jobs/") == []


async def test_a_connection_that_breaks_last_leaves_a_job_whose_id_nobody_learned(aap: Aap) -> None:
    await aap.control.add_faults(Fault(kind=FaultKind.DROP_AFTER, path=LAUNCH))

    with pytest.raises(httpx.TransportError):
        await aap.launch(extra_vars=about("vm"))

    assert await aap.ids("/jobs/") == [4711]


async def test_a_late_commit_shows_an_old_id_and_an_old_creation_time(aap: Aap) -> None:
    await aap.control.add_faults(Fault(kind=FaultKind.COMMIT_LATE, path=LAUNCH, seconds=30))
    with pytest.raises(httpx.TransportError):
        await aap.launch(extra_vars=about("lost"))
    other = await aap.launched("other")

    aap.clock.pass_time(29)
    assert await aap.ids("/jobs/") == [other]
    assert (await aap.http.get("/jobs/4711/")).status_code == 404
    aap.clock.pass_time(1)
    assert await aap.ids("/jobs/") == [4711, other]
    assert (await aap.job(4711))["created"] == "2026-01-01T00:00:00Z"


async def test_a_late_launch_is_as_if_it_had_been_sent_later(aap: Aap) -> None:
    await aap.control.add_faults(Fault(kind=FaultKind.LAUNCH_LATE, path=LAUNCH, seconds=30))
    with pytest.raises(httpx.TransportError):
        await aap.launch(extra_vars=about("lost"))
    other = await aap.launched("other")

    aap.clock.pass_time(40)

    assert await aap.ids("/jobs/") == [other, other + 1]
    assert (await aap.job(other + 1))["created"] == "2026-01-01T00:00:30Z"


async def test_a_migration_sends_everybody_to_a_page(aap: Aap) -> None:
    await aap.control.add_faults(Fault(kind=FaultKind.LOGIN))

    response = await aap.http.get("/jobs/")

    assert (response.status_code, response.headers["Location"]) == (302, "/migrations_notran/")


async def test_a_late_answer_is_late_and_otherwise_right(aap: Aap) -> None:
    await aap.control.add_faults(Fault(kind=FaultKind.DELAY, path="^/jobs/$", latency=20))
    id = await aap.launched()
    request = asyncio.create_task(aap.http.get("/jobs/"))
    async with asyncio.timeout(10):
        while not aap.clock.sleepers:  # noqa: ASYNC110 -- the clock has no event for a new sleeper
            await asyncio.sleep(0)

    await aap.clock.advance(20)

    [row] = (await request).json()["results"]
    assert (row["id"], row["status"]) == (id, "successful")


async def test_a_pattern_that_is_none_is_refused(aap: Aap) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        await aap.control.add_faults(Fault(kind=FaultKind.DROP, path="("))
