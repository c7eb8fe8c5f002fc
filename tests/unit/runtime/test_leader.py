"""Replicas and a Lease: who works, who stands by, and what becomes of it when something goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

from cloudkit.runtime.ending import end
from cloudkit.runtime.health import Health
from cloudkit.runtime.leader import Leader
from cloudkit.runtime.lease import LeaseEntry, LeaseSpec, LeaseTimes, held_by
from cloudkit.runtime.testing import ManualClock
from cloudkit.runtime.testing.lease import MemoryLease

TIMES = LeaseTimes(duration=10, renew_deadline=7, retry=2)
STANDING_BY = "standby: a is active"


class Replica:
    """A process that wants the Lease, and how its work behaves."""

    def __init__(self, name: str, lease: MemoryLease, clock: ManualClock) -> None:
        self.lease, self.clock, self.health = lease, clock, Health()
        self.leader = Leader(lease, me=name, times=TIMES, clock=clock, health=self.health)
        self.stopping = asyncio.Event()
        self.works = False
        self.turns = 0
        self.canceled = False
        self.ends_at_once = True
        self.crash: Exception | None = None
        self.process = asyncio.create_task(self.leader.run(self._work, stopping=self.stopping))

    async def _work(self, over: asyncio.Event) -> None:
        self.works = True
        self.turns += 1
        try:
            if self.crash:
                raise self.crash
            await over.wait()
            if not self.ends_at_once:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.canceled = True
            raise
        finally:
            self.works = False

    @property
    def told(self) -> str:
        return self.health.parts()["lease"]


class Contested(MemoryLease):
    """Somebody else takes it, as *taken* says, between our first look and our write."""

    def __init__(self, taken: LeaseSpec) -> None:
        super().__init__()
        self._taken: LeaseSpec | None = taken

    async def read(self) -> LeaseEntry | None:
        found = await super().read()
        if self._taken is not None:
            self.say(self._taken)
            self._taken = None
        return found


class Stage:
    """Replicas around one Lease, on one clock that both count by."""

    def __init__(self, replicas: AsyncExitStack) -> None:
        self.clock = ManualClock()
        self.lease = MemoryLease()
        self._replicas = replicas

    async def start(
        self, name: str, lease: MemoryLease | None = None, *, lacks: Iterable[str] = ()
    ) -> Replica:
        replica = Replica(name, lease or self.lease, self.clock)
        for part in lacks:
            replica.health.down(part, "not there yet")
        self._replicas.push_async_callback(end, replica.process)
        await self.clock.advance(0)
        return replica

    async def kill(self, replica: Replica) -> None:
        """End it so that it can tell nobody."""
        self.lease.away = True
        await end(replica.process)
        self.lease.away = False

    async def time_until(self, holds: Callable[[], bool], step: float = 0.25) -> float:
        """How many seconds it takes."""
        began = self.clock.monotonic()
        while not holds():
            assert self.clock.monotonic() - began < 60, "it never was"
            await self.clock.advance(step)
        return self.clock.monotonic() - began


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    async with AsyncExitStack() as replicas:
        yield Stage(replicas)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged() as stage:
        yield stage


async def test_of_two_one_works_and_the_other_stands_by_and_says_so(stage: Stage) -> None:
    first, second = await stage.start("a"), await stage.start("b")
    await stage.clock.advance(60)
    assert (first.works, second.works) == (True, False)
    assert (first.leader.leads, second.leader.leads) == (True, False)
    assert (first.told, second.told) == ("active", STANDING_BY)
    assert first.health.ready
    assert second.health.ready


async def test_a_holder_that_is_killed_is_followed_when_its_time_is_up(stage: Stage) -> None:
    first, second = await stage.start("a"), await stage.start("b")
    await stage.clock.advance(30)
    await stage.kill(first)
    assert stage.lease.holder == "a"
    assert 8 <= await stage.time_until(lambda: second.works) <= 12


async def test_a_holder_that_is_told_to_stop_gives_the_lease_up_and_the_next_begins_within_a_second(
    stage: Stage,
) -> None:
    first, second = await stage.start("a"), await stage.start("b")
    await stage.clock.advance(30)
    first.stopping.set()
    assert await stage.time_until(lambda: second.works) <= 1
    assert stage.lease.holder == "b"
    assert first.process.done()


async def test_the_next_begins_although_the_last_one_still_finishes_its_work(stage: Stage) -> None:
    first, second = await stage.start("a"), await stage.start("b")
    first.ends_at_once = False
    first.stopping.set()
    assert await stage.time_until(lambda: second.works) <= 1
    assert first.works


async def test_work_that_does_not_end_with_its_turn_is_canceled_when_another_may_have_the_lease(
    stage: Stage,
) -> None:
    first = await stage.start("a")
    first.ends_at_once = False
    await stage.clock.advance(2)
    stage.lease.away = True
    await stage.clock.advance(7)
    assert first.works
    await stage.clock.advance(3)
    assert first.canceled


async def test_a_server_that_is_away_ends_the_turn_at_the_deadline_and_not_before(stage: Stage) -> None:
    first = await stage.start("a")
    await stage.clock.advance(2)
    stage.lease.away = True
    await stage.clock.advance(6.9)
    assert (first.works, first.told) == (True, "active")
    await stage.clock.advance(0.2)
    assert (first.works, first.leader.leads) == (False, False)
    assert first.told == "connection refused"
    assert not first.health.ready


async def test_a_server_that_leaves_requests_unanswered_ends_the_turn_too(stage: Stage) -> None:
    first = await stage.start("a")
    await stage.clock.advance(2)
    stage.lease.silent = True
    assert await stage.time_until(lambda: not first.works) == pytest.approx(7, abs=0.3)
    await stage.clock.advance(10)
    assert first.told == "no answer about the lease in 3.5 s"


async def test_work_is_resumed_when_the_server_is_back(stage: Stage) -> None:
    first = await stage.start("a")
    stage.lease.away = True
    await stage.time_until(lambda: not first.works)
    stage.lease.away = False
    assert await stage.time_until(lambda: first.works) <= 1
    assert first.told == "active"


async def test_a_short_outage_is_not_noticed(stage: Stage) -> None:
    first, second = await stage.start("a"), await stage.start("b")
    for _ in range(5):
        stage.lease.away = True
        await stage.clock.advance(4)
        stage.lease.away = False
        await stage.clock.advance(4)
        assert (first.works, first.turns, second.turns) == (True, 1, 0)
        assert (first.health.ready, second.health.ready) == (True, True)


async def test_one_request_that_is_never_answered_is_given_up_in_time_for_another(stage: Stage) -> None:
    first = await stage.start("a")
    stage.lease.silent = True
    await stage.clock.advance(3)
    stage.lease.silent = False
    await stage.clock.advance(20)
    assert (first.works, first.turns) == (True, 1)


async def test_a_renewal_whose_answer_was_lost_is_made_again(stage: Stage) -> None:
    first = await stage.start("a")
    before = stage.lease.changes
    stage.lease.forgetful = True
    await stage.clock.advance(3.5)
    assert stage.lease.changes == before + 2
    assert (first.works, first.told, first.turns) == (True, "active", 1)


async def test_who_is_a_moment_too_late_for_a_free_lease_stands_by_and_makes_no_fuss(stage: Stage) -> None:
    contested = Contested(held_by("c", TIMES, None, stage.clock.now()))
    second = await stage.start("b", contested)
    assert (second.works, second.told) == (False, "not asked for yet")
    await stage.clock.advance(1)
    assert second.told == "standby: c is active"


async def test_a_standby_that_hears_nothing_of_the_lease_says_so(stage: Stage) -> None:
    await stage.start("a")
    second = await stage.start("b")
    stage.lease.away = True
    await stage.clock.advance(8)
    assert second.told == "connection refused"
    stage.lease.away = False
    await stage.clock.advance(1)
    assert second.told == STANDING_BY


async def test_who_never_got_an_answer_is_not_ready(stage: Stage) -> None:
    stage.lease.away = True
    assert (await stage.start("a")).told == "connection refused"


async def test_a_holder_that_was_paused_for_longer_than_the_lease_knows_that_its_turn_is_over(
    stage: Stage,
) -> None:
    first, second = await stage.start("a"), await stage.start("b")
    await stage.clock.advance(1)
    stage.clock.pass_time(20)
    assert not first.leader.leads
    stage.lease.say(held_by("b", TIMES, None, stage.clock.now()))
    await stage.clock.advance(2)
    assert (first.works, second.works) == (False, True)


async def test_one_that_is_cut_off_from_what_it_needs_for_long_leaves_the_lease_to_another(
    stage: Stage,
) -> None:
    first, second = await stage.start("a"), await stage.start("b")
    first.health.down("nats", "disconnected")
    await stage.clock.advance(4)
    assert (first.works, first.told) == (True, "active")
    await stage.clock.advance(4)
    assert (first.works, first.told) == (False, "nats is missing: disconnected")
    assert await stage.time_until(lambda: second.works) <= 5
    first.health.up("nats")
    await stage.clock.advance(20)
    assert (first.works, second.works) == (False, True)


async def test_who_lacks_something_does_not_take_a_free_lease_and_a_service_that_only_starts_does(
    stage: Stage,
) -> None:
    first = await stage.start("a", lacks=("nats", "service"))
    await stage.clock.advance(5)
    assert not first.works
    first.health.up("nats")
    await stage.clock.advance(1)
    assert first.works


async def test_an_idle_lease_is_taken_by_nobody_who_looks_only_once(stage: Stage) -> None:
    """Its holder may be alive: the times in it are another clock's, and count for nothing."""
    stage.lease.say(LeaseSpec("dead", 10, renew_time="2001-01-01T00:00:00.000000Z"))
    second = await stage.start("b")
    await stage.clock.advance(9)
    assert not second.works
    assert await stage.time_until(lambda: second.works) <= 1.5


async def test_a_holder_whose_clock_is_years_ahead_is_followed_all_the_same(stage: Stage) -> None:
    stage.lease.say(LeaseSpec("dead", 10, renew_time="2099-01-01T00:00:00.000000Z"))
    second = await stage.start("b")
    assert 10 <= await stage.time_until(lambda: second.works) <= 11.25


async def test_a_lease_that_somebody_gave_to_another_is_lost_at_the_next_renewal(stage: Stage) -> None:
    first = await stage.start("a")
    stage.lease.say(LeaseSpec("c", 10))
    assert await stage.time_until(lambda: not first.works) <= 2
    assert first.told == "standby: c is active"


async def test_a_lease_that_somebody_deleted_is_made_again_by_its_holder(stage: Stage) -> None:
    first = await stage.start("a")
    stage.lease.entry = None
    await stage.clock.advance(20)
    assert first.works
    assert stage.lease.holder == "a"


async def test_a_lease_that_somebody_touched_stays_with_its_holder(stage: Stage) -> None:
    first, second = await stage.start("a"), await stage.start("b")
    for _ in range(10):
        await stage.clock.advance(1.3)
        assert stage.lease.entry
        stage.lease.say(msgspec.structs.replace(stage.lease.entry.spec, lease_transitions=7))
    assert (first.works, second.works) == (True, False)


async def test_work_that_crashes_gives_the_lease_up_and_is_told(stage: Stage) -> None:
    first = Replica("a", stage.lease, stage.clock)
    first.crash = LookupError("a bug")
    with pytest.raises(LookupError, match="a bug"):
        await first.process
    assert stage.lease.holder == ""


async def test_the_lease_is_renewed_as_often_as_is_told_and_looked_at_without_a_write(stage: Stage) -> None:
    await stage.start("a")
    await stage.start("b")
    before = stage.lease.changes
    await stage.clock.advance(20)
    assert stage.lease.changes - before == 10
