"""Lanes: order inside, parallel across, alarms, and work that fails."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from cloudkit.contracts.errors import Unreachable
from cloudkit.runtime.lanes import Alarms, Lane, Lanes
from cloudkit.runtime.testing import ManualClock

ONE, TWO, THREE = ("ns", "one"), ("ns", "two"), ("ns", "three")


class Workshop:
    """Lanes whose work waits at a gate and notes who is there."""

    def __init__(self, width: int = 8) -> None:
        self.clock = ManualClock()
        self.lanes = Lanes(self._work, clock=self.clock, width=width)
        self.worked: list[Lane] = []
        self.inside: Counter[Lane] = Counter()
        self.crowd = 0
        self.open = asyncio.Event()
        self.open.set()
        self.failures: list[Exception] = []

    async def _work(self, lane: Lane) -> None:
        self.inside[lane] += 1
        self.crowd = max(self.crowd, self.inside.total())
        assert self.inside[lane] == 1, "two at once in one lane"
        try:
            await self.open.wait()
            if self.failures:
                raise self.failures.pop(0)
            self.worked.append(lane)
        finally:
            self.inside[lane] -= 1

    async def settle(self) -> None:
        await self.clock.advance(0)


@pytest.fixture
async def shop() -> AsyncIterator[Workshop]:
    shop = Workshop()
    async with shop.lanes.working():
        yield shop


async def test_a_lane_that_is_woken_often_before_its_turn_is_worked_on_once(shop: Workshop) -> None:
    for _ in range(5):
        shop.lanes.wake(ONE)
    await shop.settle()
    assert shop.worked == [ONE]


async def test_a_lane_that_is_woken_while_it_is_worked_on_is_worked_on_once_more(shop: Workshop) -> None:
    shop.open.clear()
    shop.lanes.wake(ONE)
    await shop.settle()
    shop.lanes.wake(ONE)
    shop.lanes.wake(ONE)
    await shop.settle()
    assert shop.inside[ONE] == 1
    shop.open.set()
    await shop.settle()
    assert shop.worked == [ONE, ONE]


async def test_one_slow_lane_does_not_hold_up_the_others(shop: Workshop) -> None:
    shop.open.clear()
    shop.lanes.wake(ONE)
    await shop.settle()
    shop.lanes.wake(TWO)
    await shop.settle()
    assert shop.inside[ONE] == shop.inside[TWO] == 1
    shop.open.set()
    await shop.settle()


async def test_no_more_lanes_are_worked_on_at_once_than_the_width_allows() -> None:
    shop = Workshop(width=2)
    shop.open.clear()
    async with shop.lanes.working():
        for lane in (ONE, TWO, THREE):
            shop.lanes.wake(lane)
        await shop.settle()
        shop.open.set()
        await shop.settle()
    assert shop.crowd == 2
    assert sorted(shop.worked) == sorted((ONE, TWO, THREE))


async def test_an_alarm_wakes_its_lane_and_the_sooner_of_two_counts(shop: Workshop) -> None:
    shop.lanes.wake(ONE, after=10)
    shop.lanes.wake(ONE, after=5)
    shop.lanes.wake(ONE, after=20)
    await shop.clock.advance(4)
    assert shop.worked == []
    await shop.clock.advance(2)
    assert shop.worked == [ONE]
    await shop.clock.advance(100)
    assert shop.worked == [ONE]


async def test_a_lane_that_is_worked_on_finds_its_alarm_gone(shop: Workshop) -> None:
    shop.lanes.wake(ONE, after=5)
    shop.lanes.wake(ONE)
    await shop.clock.advance(100)
    assert shop.worked == [ONE]


async def test_a_forgotten_lane_is_not_woken(shop: Workshop) -> None:
    shop.lanes.wake(ONE, after=5)
    shop.lanes.forget(ONE)
    await shop.clock.advance(100)
    assert shop.worked == []


@pytest.mark.parametrize("failure", [Unreachable("away"), RuntimeError("a bug")], ids=["outage", "bug"])
async def test_work_that_fails_is_tried_again_after_a_growing_pause(
    shop: Workshop, failure: Exception
) -> None:
    shop.failures = [failure, failure]
    shop.lanes.wake(ONE)
    await shop.clock.advance(0.19)
    assert len(shop.failures) == 1
    await shop.clock.advance(0.02)
    assert shop.failures == []
    await shop.clock.advance(0.3)
    assert shop.worked == []
    await shop.clock.advance(0.2)
    assert shop.worked == [ONE]


async def test_a_lane_that_failed_is_worked_on_at_once_when_it_is_woken(shop: Workshop) -> None:
    shop.failures = [Unreachable("away")]
    shop.lanes.wake(ONE)
    await shop.settle()
    shop.lanes.wake(ONE)
    await shop.settle()
    assert shop.worked == [ONE]


def test_alarms_that_are_set_and_dropped_again_and_again_need_no_memory() -> None:
    alarms = Alarms()
    for at in range(10_000):
        alarms.set(ONE, float(at))
        alarms.drop(ONE)
    assert len(alarms._heap) < 100
    assert alarms.next is None


def test_alarms_ring_in_their_order_and_once() -> None:
    alarms = Alarms()
    for lane, at in ((ONE, 3.0), (TWO, 1.0), (THREE, 2.0)):
        alarms.set(lane, at)
    assert alarms.due(2.0) == [TWO, THREE]
    assert alarms.due(2.0) == []
    assert alarms.next == 3.0
