"""Runs a command until it ends or is told to stop, and lets it clean up in both cases."""

import asyncio
import signal
from collections.abc import Coroutine

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_until_told(command: Coroutine[None, None, int], *, when_told: int | None = None) -> int:
    """The exit code of *command*; if a signal stopped it, *when_told*, or 128 + signal as shells count.

    The first signal cancels *command*, whose contexts then close; more signals change nothing.
    """
    return asyncio.run(_until_told(command, when_told))


async def _until_told(command: Coroutine[None, None, int], when_told: int | None) -> int:
    heard: list[signal.Signals] = []
    task = asyncio.ensure_future(command)

    def stop(number: signal.Signals) -> None:
        if not heard:
            heard.append(number)
            task.cancel()

    for number in STOPPING:
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not heard:
            raise
        return 128 + heard[0] if when_told is None else when_told
