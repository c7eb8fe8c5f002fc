"""Faults on demand."""

import httpx
import pytest

from contract.aap.conftest import Aap, about
from sandbox.aap.faults import Fault, FaultKind, login_page, proxy_error, too_many_requests, unavailable

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


async def test_a_controller_in_trouble_says_when_to_come_back(aap: Aap) -> None:
    date = "Thu, 01 Jan 2026 00:01:00 GMT"
    await aap.control.add_faults(
        too_many_requests("3"), unavailable(date), proxy_error(504, "Gateway Time-out")
    )

    throttled, away, late = [await aap.http.get("/jobs/") for _ in range(3)]

    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "3")
    assert (away.status_code, away.headers["Retry-After"]) == (503, date)
    assert (late.status_code, "504 Gateway Time-out" in late.text) == (504, True)


async def test_a_proxy_may_answer_with_a_page_that_looks_like_success(aap: Aap) -> None:
    await aap.control.add_faults(login_page(path=LAUNCH))

    response = await aap.launch()

    assert (response.status_code, response.text.startswith("<html>")) == (200, True)
    assert await aap.ids("/jobs/") == []


async def test_one_job_may_break_every_list_that_has_it_on_its_page(aap: Aap) -> None:
    fine, broken = await aap.launched("a"), await aap.launched("b")
    await aap.control.mark(broken, breaks_lists=True)

    assert (await aap.http.get(f"/jobs/?id__in={fine},{broken}")).status_code == 502
    assert await aap.ids(f"/jobs/?id__in={fine},{broken}&page_size=1") == [fine]
    assert (await aap.job(broken))["id"] == broken
    await aap.control.mark(broken)
    assert await aap.ids("/jobs/") == [fine, broken]


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
    request = await aap.held_up(aap.http.get("/jobs/"))

    await aap.clock.advance(20)

    [row] = (await request).json()["results"]
    assert (row["id"], row["status"]) == (id, "successful")


async def test_every_answer_may_be_late(aap: Aap) -> None:
    await aap.control.set_latency(20)
    await aap.control.add_faults(Fault(kind=FaultKind.ANSWER, status=500, latency=5))
    request = await aap.held_up(aap.http.get("/jobs/"))

    await aap.clock.advance(24)
    early = request.done()
    await aap.clock.advance(1)

    assert not early
    assert (await request).status_code == 500
    await aap.control.clear_faults()
    assert (await aap.http.get("/jobs/")).status_code == 200


async def test_a_pattern_that_is_none_is_refused(aap: Aap) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        await aap.control.add_faults(Fault(kind=FaultKind.DROP, path="("))
