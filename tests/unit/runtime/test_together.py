"""Coroutines side by side: how they end, and that none is left."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from cloudkit.runtime.testing import ManualClock
from cloudkit.runtime.together import all_of, first_of, within


class Work:
    """Goes on until it is let go, and notes how it ended."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.ended = ""

    async def run(self, error: Exception | None = None) -> None:
        try:
            await self.go.wait()
            if error:
                raise error
            self.ended = "well"
        except asyncio.CancelledError:
            self.ended = "canceled"
            raise


async def test_all_of_several_are_waited_for() -> None:
    one, other = Work(), Work()
    one.go.set()
    running = asyncio.create_task(all_of(one.run(), other.run()))
    await asyncio.wait({running}, timeout=0.01)
    assert not running.done()
    other.go.set()
    await running
    assert (one.ended, other.ended) == ("well", "well")


async def test_the_first_of_all_that_fails_ends_the_others_and_is_told() -> None:
    one, other = Work(), Work()
    one.go.set()
    with pytest.raises(LookupError):
        await all_of(one.run(LookupError()), other.run())
    assert other.ended == "canceled"


async def test_the_first_to_end_ends_the_others() -> None:
    one, other = Work(), Work()
    one.go.set()
    await first_of(one.run(), other.run())
    assert (one.ended, other.ended) == ("well", "canceled")


async def test_what_the_first_to_end_raised_is_told() -> None:
    one, other = Work(), Work()
    one.go.set()
    with pytest.raises(LookupError):
        await first_of(other.run(), one.run(LookupError()))
    assert other.ended == "canceled"


@pytest.mark.parametrize("together", [all_of, first_of])
async def test_whoever_is_canceled_cancels_all_of_them(
    together: Callable[..., Coroutine[Any, Any, None]],
) -> None:
    one, other = Work(), Work()
    running = asyncio.create_task(together(one.run(), other.run()))
    await asyncio.wait({running}, timeout=0.01)
    running.cancel()
    await asyncio.wait({running})
    assert (one.ended, other.ended) == ("canceled", "canceled")


async def test_what_takes_too_long_is_ended() -> None:
    clock, work = ManualClock(), Work()
    running = asyncio.create_task(within(5, work.run(), clock=clock))
    await clock.advance(4.9)
    assert not running.done()
    await clock.advance(0.2)
    with pytest.raises(TimeoutError):
        await running
    assert work.ended == "canceled"


async def test_what_ends_in_time_gives_its_answer_and_leaves_no_alarm() -> None:
    async def answer() -> int:
        return 42

    clock = ManualClock()
    assert await within(5, answer(), clock=clock) == 42
    assert clock.sleepers == 0
