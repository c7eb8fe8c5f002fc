"""Tasks end, also those that did not notice the first time that they should."""

import asyncio

import pytest

from cloudkit.runtime.ending import end


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudkit.runtime.ending.AGAIN_AFTER", 0.01)


async def test_a_task_that_swallows_a_cancel_is_canceled_again() -> None:
    swallowed = 0
    begun = asyncio.Event()

    async def go_on() -> None:
        nonlocal swallowed
        while True:
            try:
                begun.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    task = asyncio.create_task(go_on())
    await begun.wait()
    async with asyncio.timeout(5):
        await end(task)
    assert task.cancelled()


async def test_tasks_that_have_ended_already_and_how_are_no_trouble() -> None:
    async def fail() -> None:
        raise ValueError

    tasks = [asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(0))]
    await asyncio.wait(tasks)
    await end(*tasks)
    await end()
