"""Whose launch is next."""

import asyncio

import pytest

from aap_poller.limiter import Limiter
from aap_poller.slots import MOST_IN_A_ROW, Slots
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.testing import ManualClock

DEADLINE = 5.0
P, D = JobType.PROVISION, JobType.DEPROVISION


class Launches:
    """Launches that hold their slot until they are told to end."""

    def __init__(self, number: int) -> None:
        self.slots = Slots(number, Limiter(ManualClock(), 0))
        self.begun: list[str] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ends: dict[str, asyncio.Event] = {}

    async def come(self, *names: str) -> None:
        """Names of removals begin with a d, of provisions with a p."""
        for name in names:
            self._ends[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._launch(name, D if name[0] == "d" else P))
        await _settle()

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
        await _settle()

    async def cancel(self, *names: str) -> None:
        for name in names:
            self._tasks[name].cancel()
        await _settle()

    async def all_end(self) -> None:
        for end in self._ends.values():
            end.set()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _launch(self, name: str, type: JobType) -> None:
        async with self.slots.turn(type):
            self.begun.append(name)
            await self._ends[name].wait()


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_are_under_way_than_there_are_slots() -> None:
    launches = Launches(2)
    await launches.come("p1", "p2", "p3")
    assert launches.begun == ["p1", "p2"]
    await launches.end("p1")
    assert launches.begun == ["p1", "p2", "p3"]
    await launches.all_end()


async def test_removals_go_before_provisions_and_each_kind_in_the_order_of_coming() -> None:
    launches = Launches(1)
    await launches.come("p1", "p2", "p3", "d1", "d2")
    await launches.all_end()
    assert launches.begun == ["p1", "d1", "d2", "p2", "p3"]


async def test_no_stream_of_removals_holds_a_provision_up_for_ever() -> None:
    launches = Launches(1)
    await launches.come("p0", "p1", *(f"d{number}" for number in range(10)))
    await launches.all_end()
    assert launches.begun.index("p1") == 1 + MOST_IN_A_ROW


@pytest.mark.parametrize("canceled", ["p2", "d1"])
async def test_who_is_canceled_while_waiting_leaves_the_slot_to_the_others(canceled: str) -> None:
    launches = Launches(1)
    await launches.come("p1", "p2", "p3", "d1")
    await launches.cancel(canceled)
    await launches.all_end()
    assert sorted([*launches.begun, canceled]) == ["d1", "p1", "p2", "p3"]


async def test_who_is_canceled_at_the_moment_of_its_turn_hands_the_slot_on() -> None:
    slots = Slots(1, Limiter(ManualClock(), 0))

    async def launch() -> None:
        async with slots.turn(P):
            raise AssertionError("it was canceled before")

    async with slots.turn(P):
        late = asyncio.create_task(launch())
        await _settle()
    late.cancel()
    async with asyncio.timeout(DEADLINE), slots.turn(P):
        await asyncio.gather(late, return_exceptions=True)
    assert late.cancelled()


async def test_a_slot_comes_with_a_place_at_the_limiter_and_goes_back_if_the_wait_is_canceled() -> None:
    clock = ManualClock()
    limiter = Limiter(clock, 1)
    slots = Slots(1, limiter)
    await limiter.turn()
    begun = asyncio.Event()

    async def launch() -> None:
        async with slots.turn(P):
            begun.set()

    impatient = asyncio.create_task(launch())
    await clock.advance(0.5)
    assert not begun.is_set()
    impatient.cancel()
    patient = asyncio.create_task(launch())
    await clock.advance(0.5)
    assert begun.is_set()
    await asyncio.gather(impatient, patient, return_exceptions=True)


async def test_a_crowd_of_provisions_leaves_room_for_removals() -> None:
    slots = Slots(1, Limiter(ManualClock(), 0))
    with slots.queue(P), slots.queue(P), slots.queue(P), slots.queue(P):
        assert slots.crowded(P)
        assert not slots.crowded(D)
    assert not slots.crowded(P)
