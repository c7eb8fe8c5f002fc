"""One limit for all requests of a process: how often, in which order, and what a cancel costs."""

import asyncio
from itertools import pairwise

import pytest

from aap_poller.limiter import Limiter
from cloudkit.runtime.testing import ManualClock


class Line:
    """Those who wait at a limiter, and when each had its turn."""

    def __init__(self, per_second: float) -> None:
        self.clock = ManualClock()
        self.limiter = Limiter(self.clock, per_second)
        self.turns: list[tuple[str, float]] = []

    def join(self, name: str) -> "asyncio.Task[None]":
        return asyncio.create_task(self._wait(name))

    async def _wait(self, name: str) -> None:
        await self.limiter.turn()
        self.turns.append((name, self.clock.monotonic()))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.turns]

    @property
    def times(self) -> list[float]:
        return [time for _, time in self.turns]


async def test_after_a_silence_half_a_second_of_requests_goes_out_at_once_and_the_rest_at_the_rate() -> None:
    line = Line(20)
    waiting = [line.join(str(number)) for number in range(30)]
    await line.clock.advance(10)
    await asyncio.gather(*waiting)
    assert line.times[:10] == [0] * 10
    assert [round(later - earlier, 6) for earlier, later in pairwise(line.times[9:])] == [0.05] * 20


@pytest.mark.parametrize("per_second", [0.5, 1, 3, 20])
async def test_the_rate_is_never_exceeded_for_long(per_second: float) -> None:
    line = Line(per_second)
    waiting = [line.join(str(number)) for number in range(50)]
    await line.clock.advance(200)
    await asyncio.gather(*waiting)
    burst = max(1, per_second / 2)
    for number, time in enumerate(line.times):
        assert number + 1 <= burst + time * per_second + 1e-6


async def test_a_silence_however_long_allows_no_larger_burst() -> None:
    line = Line(16)
    line.clock.pass_time(3600)
    waiting = [line.join(str(number)) for number in range(20)]
    await line.clock.advance(0)
    assert len(line.turns) == 8
    await line.clock.advance(1)
    await asyncio.gather(*waiting)


async def test_who_comes_first_is_served_first_and_who_asks_again_stands_behind_the_others() -> None:
    line = Line(1)

    async def search() -> None:
        for page in range(3):
            await line.join(f"page {page}")

    searching = asyncio.create_task(search())
    await line.clock.advance(0)
    others = [line.join(name) for name in ("sweep", "poll")]
    await line.clock.advance(10)
    await asyncio.gather(searching, *others)
    assert line.names == ["page 0", "page 1", "sweep", "poll", "page 2"]


async def test_who_is_canceled_while_waiting_takes_no_turn_from_the_others() -> None:
    line = Line(1)
    tasks = [line.join(str(number)) for number in range(4)]
    await line.clock.advance(0.5)
    tasks[1].cancel()  # sleeps until its turn
    tasks[2].cancel()  # stands behind it
    await line.clock.advance(10)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert line.turns == [("0", 0.0), ("3", 1.0)]


async def test_zero_is_no_limit() -> None:
    line = Line(0)
    await asyncio.gather(*(line.join(str(number)) for number in range(1000)))
    assert line.times == [0] * 1000
