"""Ending tasks for good."""

import asyncio
from typing import Any

AGAIN_AFTER = 0.5
"""In seconds."""


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel *tasks*, and return once all have ended, however they did.

    Asks again: in Python 3.11 `asyncio.wait_for` swallows a cancel that comes together with what it waits
    for, and a task that loops around it goes on for ever.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=AGAIN_AFTER)
    await asyncio.gather(*tasks, return_exceptions=True)
