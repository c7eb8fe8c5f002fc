"""The clock that stands still until a test moves it."""

import asyncio

from cloudkit.runtime.testing import ManualClock


async def test_sleepers_wake_in_the_order_of_their_alarms() -> None:
    clock, woke = ManualClock(), list[tuple[str, float]]()

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woke.append((name, clock.monotonic()))

    sleepers = asyncio.gather(sleep("late", 5), sleep("early", 1), sleep("middle", 3))
    await clock.advance(4)
    assert woke == [("early", 1), ("middle", 3)]
    assert clock.sleepers == 1

    await clock.advance(1)
    await sleepers
    assert woke[-1] == ("late", 5)


async def test_who_sleeps_again_and_again_wakes_each_time() -> None:
    clock, rounds = ManualClock(), list[float]()

    async def every_second() -> None:
        while True:
            await clock.sleep(1)
            rounds.append(clock.monotonic())

    looping = asyncio.create_task(every_second())
    await clock.advance(3.5)
    looping.cancel()

    assert rounds == [1, 2, 3]
    assert clock.monotonic() == 3.5


async def test_a_frozen_process_wakes_late() -> None:
    clock = ManualClock()
    sleeping = asyncio.create_task(clock.sleep(1))
    await clock.advance(0)
    clock.pass_time(60)
    assert not sleeping.done()

    await clock.advance(0)
    await sleeping
    assert clock.monotonic() == 60


async def test_both_clocks_go_together() -> None:
    clock = ManualClock()
    before = clock.now()
    await clock.advance(90)

    assert (clock.now() - before).total_seconds() == clock.monotonic() == 90
