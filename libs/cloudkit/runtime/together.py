"""Coroutines side by side: none of them outlives the call."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from cloudkit.runtime.ending import end
from cloudkit.runtime.ports import Clock

T = TypeVar("T")


async def all_of(*works: Coroutine[Any, Any, None]) -> None:
    """Run *works* until all have ended. What the first to fail raises ends the others, and is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        await end(*tasks)


async def first_of(*works: Coroutine[Any, Any, Any]) -> None:
    """Run *works* until one of them has ended, and end the others. Raises what it raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(*tasks)
    for task in done:
        task.result()


async def within(seconds: float, work: Awaitable[T], *, clock: Clock) -> T:
    """What *work* returns. Raises `TimeoutError` if that takes longer, and ends it."""
    task = asyncio.ensure_future(work)
    alarm = asyncio.create_task(clock.sleep(seconds))
    try:
        await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        await end(alarm, task)
