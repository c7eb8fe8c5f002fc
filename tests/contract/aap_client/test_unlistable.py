"""Jobs that break the lists of AAP that they are on: awx#12644. Each has a page of its own that is fine."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime

import httpx
import pytest
from structlog.testing import capture_logs

from aap_poller import metrics
from aap_poller.controller import Template
from aap_poller.exchange import Exchange, Parameters
from aap_poller.http_controller import PAGE_SIZE, HttpController
from aap_poller.http_errors import Broken
from aap_poller.lists import LOOK_AGAIN_AFTER
from aap_poller.presence import Presence
from aap_poller.rows import Row
from aap_poller.unlistable import MOST, TRY_AGAIN_AFTER
from cloudkit.contracts.errors import Unanswered
from cloudkit.runtime.health import Health
from cloudkit.runtime.testing import ManualClock
from contract.aap_client.conftest import PATIENCE, StandIn
from contract.aap_client.test_gate import client_with, settings
from sandbox.aap.control import Control
from sandbox.aap.faults import Fault, FaultKind
from sandbox.aap.model import Status
from sandbox.aap.playbooks import Rule

CREATE = "innabox-create-compute-instance"
FLOW = f"{CREATE}-workflow"
ONE_EXAMINATION = 12
"""Requests that find one job among a few whose ids are known."""
ENOUGH = 80
"""Requests that find one job among all ids that there may be."""


class Wards:
    """A client of AAP, and the jobs that it looks after."""

    def __init__(self, aap: HttpController, clock: ManualClock, presence: Presence, control: Control) -> None:
        self.aap = aap
        self.clock = clock
        self.presence = presence
        self.control = control
        self.template: Template

    async def launch(self, count: int, name: str = CREATE) -> list[Row]:
        (self.template,) = await self.aap.templates(name)
        return [
            await self.aap.launch(self.template, {"cloudkit_job": f"lab/vm/uid-{n}/1"}) for n in range(count)
        ]

    async def break_lists(self, *rows: Row) -> None:
        for row in rows:
            await self.control.mark(row.id, breaks_lists=True)

    async def poll(self, *rows: Row) -> list[int]:
        return sorted(row.id for row in await self.aap.jobs([str(row.id) for row in rows]))

    async def sweep(self, since: datetime | None) -> list[int]:
        return sorted(row.id for row in await self.aap.changed_since(since, {self.template.id}))

    async def search(self, since: datetime | None = None, until: datetime | None = None) -> list[int]:
        listing = self.aap.created_between(since, until, {self.template.id})
        return [row.id async for row in listing]

    async def requests(self) -> int:
        """Since this was asked last."""
        count = sum((await self.control.requests()).values())
        await self.control.forget_requests()
        return count


@pytest.fixture
async def wards(stand_in: StandIn, control: Control) -> AsyncIterator[Wards]:
    await control.add_rules(Rule(seconds=3600))
    async with client_with(settings(stand_in.url)) as client:
        yield Wards(client.aap, client.clock, client.presence, control)


def ids(rows: Sequence[Row]) -> list[int]:
    return [row.id for row in rows]


@pytest.mark.parametrize("name", [CREATE, FLOW])
@pytest.mark.parametrize("position", [0, 3, 6])
async def test_one_bad_row_stops_neither_a_sweep_nor_a_poll_nor_a_search(
    wards: Wards, position: int, name: str
) -> None:
    rows = await wards.launch(7, name)
    await wards.break_lists(rows[position])
    assert await wards.poll(*rows) == ids(rows)
    assert await wards.search() == ids(rows)
    assert await wards.sweep(rows[0].created) == ids(rows)
    assert wards.presence.trouble is None
    assert not wards.presence.doubtful


@pytest.mark.parametrize("question", ["poll", "sweep", "newest", "search"])
async def test_each_question_finds_the_bad_row_by_itself(wards: Wards, question: str) -> None:
    rows = await wards.launch(4)
    await wards.break_lists(rows[-1])
    await wards.requests()
    match question:
        case "poll":
            assert await wards.poll(*rows) == ids(rows)
        case "sweep":
            assert await wards.sweep(rows[0].created) == ids(rows)
        case "newest":
            assert await wards.sweep(None) == ids(rows[-2:])
        case _:
            assert await wards.search() == ids(rows)
    assert await wards.requests() <= ENOUGH


async def test_several_bad_rows_are_found_one_after_another(wards: Wards) -> None:
    rows = await wards.launch(12)
    await wards.break_lists(*rows[2:12:3])
    assert await wards.poll(*rows) == ids(rows)
    assert await wards.search() == ids(rows)
    assert metrics.UNLISTABLE_JOBS._value.get() == 4


async def test_a_search_over_many_pages_has_every_row_once_and_by_id(wards: Wards) -> None:
    rows = await wards.launch(PAGE_SIZE + 20)
    await wards.break_lists(rows[0], rows[PAGE_SIZE - 1], rows[PAGE_SIZE], rows[-1])
    for _ in ("when none is known", "when all are known"):
        assert await wards.search() == ids(rows)


async def test_a_search_has_a_bad_row_only_if_it_was_created_then(wards: Wards) -> None:
    first, bad, last = await wards.launch(3)
    await wards.break_lists(bad)
    assert await wards.search(since=bad.created) == [bad.id, last.id]
    assert await wards.search(until=bad.created) == [first.id]
    assert await wards.search(since=last.created) == [last.id]


async def test_a_bad_row_of_another_template_is_not_taken_for_one_of_ours(wards: Wards) -> None:
    (other,) = await wards.launch(1, "innabox-delete-compute-instance")
    (ours,) = await wards.launch(1)
    await wards.break_lists(other)
    assert await wards.poll(other, ours) == [other.id, ours.id]
    assert await wards.search() == [ours.id]


async def test_the_bad_row_is_told_once_by_its_id_and_counted(wards: Wards) -> None:
    rows = await wards.launch(3)
    await wards.break_lists(rows[1])
    with capture_logs() as logs:
        for _ in range(3):
            await wards.poll(*rows)
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert [(line["event"], line["job_id"]) for line in warnings] == [
        ("a job breaks the lists of AAP", str(rows[1].id))
    ]
    assert "delete" in warnings[0]["what_to_do"]
    assert metrics.UNLISTABLE_JOBS._value.get() == 1


async def test_once_it_is_known_it_costs_one_request_more(wards: Wards) -> None:
    rows = await wards.launch(3)
    await wards.poll(*rows)
    await wards.requests()
    await wards.poll(*rows)
    as_usual = await wards.requests()
    await wards.break_lists(rows[1])
    await wards.poll(*rows)
    await wards.requests()
    await wards.poll(*rows)
    assert await wards.requests() == as_usual + 1


async def test_a_sweep_asks_for_a_bad_row_now_and_then_and_not_after_its_end(wards: Wards) -> None:
    (row,) = await wards.launch(1)
    await wards.break_lists(row)
    await wards.sweep(row.created)
    await wards.requests()
    await wards.sweep(row.created)
    as_usual = await wards.requests()
    wards.clock.pass_time(LOOK_AGAIN_AFTER)
    await wards.control.force(row.id, Status.SUCCESSFUL)
    assert await wards.sweep(row.created) == [row.id]
    assert await wards.requests() == as_usual + 1, "its own page"
    wards.clock.pass_time(LOOK_AGAIN_AFTER)
    assert await wards.sweep(row.created) == [row.id]
    assert await wards.requests() == as_usual


async def test_the_end_of_a_bad_row_is_seen(wards: Wards) -> None:
    (row,) = await wards.launch(1)
    await wards.break_lists(row)
    await wards.control.force(row.id, Status.FAILED)
    (polled,) = await wards.aap.jobs([str(row.id)])
    (swept,) = await wards.aap.changed_since(row.created, {wards.template.id})
    assert (polled.status, swept.status) == ("failed", "failed")


async def test_a_row_that_is_mended_is_listed_again(wards: Wards) -> None:
    rows = await wards.launch(3)
    await wards.break_lists(rows[1])
    await wards.poll(*rows)
    wards.clock.pass_time(TRY_AGAIN_AFTER)
    await wards.poll(*rows)
    assert metrics.UNLISTABLE_JOBS._value.get() == 1, "it was tried, in vain"
    await wards.requests()
    await wards.poll(*rows)
    assert await wards.requests() == 2, "the list, and its own page"
    await wards.control.mark(rows[1].id)
    wards.clock.pass_time(TRY_AGAIN_AFTER)
    assert await wards.poll(*rows) == ids(rows)
    assert metrics.UNLISTABLE_JOBS._value.get() == 0


async def test_a_bad_row_that_is_deleted_in_aap_is_forgotten(wards: Wards) -> None:
    rows = await wards.launch(3)
    await wards.break_lists(rows[1])
    await wards.poll(*rows)
    await wards.control.purge(rows[1].id)
    assert await wards.poll(*rows) == [rows[0].id, rows[2].id]
    assert metrics.UNLISTABLE_JOBS._value.get() == 0


async def test_many_who_meet_the_bad_row_at_once_look_for_it_once(wards: Wards) -> None:
    rows = await wards.launch(5)
    await wards.break_lists(rows[3])
    await wards.requests()
    found = await asyncio.gather(*(wards.poll(*rows) for _ in range(10)))
    assert found == [ids(rows)] * 10
    assert await wards.requests() <= ONE_EXAMINATION + 10 * 3
    assert wards.presence.trouble is None


async def test_a_bad_row_whose_own_page_fails_too_is_an_outage(wards: Wards) -> None:
    rows = await wards.launch(3)
    await wards.break_lists(rows[1])
    page = Fault(kind=FaultKind.ANSWER, path=f"^/jobs/{rows[1].id}/", status=502, times=None)
    await wards.control.add_faults(page)
    for _ in range(3):
        with pytest.raises(Unanswered):
            await wards.poll(*rows)
    assert wards.presence.trouble is not None
    assert metrics.UNLISTABLE_JOBS._value.get() == 0


async def test_an_aap_that_fails_is_asked_once_more_and_then_as_if_there_were_no_bad_rows(
    wards: Wards,
) -> None:
    rows = await wards.launch(3)
    await wards.control.add_faults(Fault(kind=FaultKind.ANSWER, path="^/jobs/", status=502, times=None))
    await wards.requests()
    for expected in (2, 1, 1):
        with pytest.raises(Unanswered):
            await wards.poll(*rows)
        assert await wards.requests() == expected
    assert wards.presence.trouble is not None


async def test_an_aap_that_goes_away_meanwhile_is_not_asked_on_and_on(
    stand_in: StandIn, control: Control, client: httpx.AsyncClient
) -> None:
    clock = ManualClock()
    going = Going(client, within=PATIENCE, after=18, control=control)
    wards = Wards(HttpController(going, going, clock), clock, Presence(Health(), clock), control)
    rows = await wards.launch(3)
    await wards.break_lists(rows[1])
    going.asked = 0
    with pytest.raises(Unanswered):
        await wards.search()
    assert going.asked <= 18 + 4
    await control.clear_faults()
    clock.pass_time(5)
    assert await wards.search() == ids(rows)


class Going(Exchange):
    """AAP is away *after* so many lists were asked for."""

    def __init__(self, client: httpx.AsyncClient, *, within: float, after: int, control: Control) -> None:
        super().__init__(client, within=within)
        self.asked = 0
        self._after = after
        self._control = control

    async def ask(self, path: str, params: Parameters | None = None) -> httpx.Response:
        self.asked += 1
        if self.asked == self._after:
            away = Fault(kind=FaultKind.ANSWER, path="jobs/", status=502, times=None)
            await self._control.add_faults(away)
        return await super().ask(path, params)


async def test_more_bad_rows_than_we_want_to_know_are_an_outage(wards: Wards) -> None:
    rows = await wards.launch(MOST + 1)
    await wards.break_lists(*rows)
    with pytest.raises(Unanswered):
        await wards.poll(*rows)
    assert metrics.UNLISTABLE_JOBS._value.get() == MOST


async def test_an_answer_that_was_lost_for_a_moment_accuses_nobody(wards: Wards) -> None:
    rows = await wards.launch(3)
    await wards.control.add_faults(Fault(kind=FaultKind.ANSWER, path="^/jobs/", status=502))
    await wards.requests()
    with pytest.raises(Unanswered):
        await wards.poll(*rows)
    assert await wards.requests() <= 3, "the list, an empty one, the list again"
    assert await wards.poll(*rows) == ids(rows)
    assert metrics.UNLISTABLE_JOBS._value.get() == 0
    assert wards.presence.trouble is None


async def test_an_aap_that_fails_now_and_then_accuses_nobody(
    stand_in: StandIn, control: Control, client: httpx.AsyncClient
) -> None:
    """Whatever half fails by chance: before a job is accused, it alone has to make a list fail."""
    clock = ManualClock()
    moody = Moody(client, within=PATIENCE)
    wards = Wards(HttpController(moody, moody, clock), clock, Presence(Health(), clock), control)
    rows = await wards.launch(3)
    moody.asked, moody.fails_at = 0, {1, 3, 5}
    with pytest.raises(Unanswered):
        await wards.poll(*rows)
    assert moody.asked == 6
    assert metrics.UNLISTABLE_JOBS._value.get() == 0


class Moody(Exchange):
    """Some lists fail, by the order in which they are asked for."""

    asked = 0
    fails_at: Collection[int] = ()

    async def ask(self, path: str, params: Parameters | None = None) -> httpx.Response:
        self.asked += 1
        if self.asked in self.fails_at:
            raise Broken("not now", system="AAP")
        return await super().ask(path, params)


async def test_a_bad_row_that_is_gone_before_its_page_is_asked_for_is_not_accused(wards: Wards) -> None:
    rows = await wards.launch(3)
    await wards.break_lists(rows[1])
    gone = json.dumps({"detail": "Not found."})
    page = Fault(kind=FaultKind.ANSWER, path=f"^/jobs/{rows[1].id}/", status=404, body=gone)
    await wards.control.add_faults(page)
    with pytest.raises(Unanswered):
        await wards.poll(*rows)
    assert metrics.UNLISTABLE_JOBS._value.get() == 0


async def test_an_id_that_no_database_takes_spoils_no_list(wards: Wards) -> None:
    (row,) = await wards.launch(1)
    found = await wards.aap.jobs([str(row.id), str(2**31), "9" * 5000])
    assert ids(found) == [row.id]


async def test_a_search_never_leaves_out_a_bad_row_that_nobody_can_read(wards: Wards) -> None:
    """It might be the job; to conclude that there is none would launch it twice."""
    rows = await wards.launch(3)
    await wards.break_lists(rows[1])
    await wards.poll(*rows)
    for status, body in ((200, {"id": rows[1].id, "extra_vars": 5}), (502, {})):
        text = json.dumps(body)
        page = Fault(kind=FaultKind.ANSWER, path=f"^/jobs/{rows[1].id}/", status=status, body=text)
        await wards.control.add_faults(page)
        with pytest.raises(Unanswered):
            await wards.search()
