"""The rulebook: launches a job for each event that one of its rules matches.

Events wait in memory: whoever ends this process loses them, and nobody is told.
"""

import asyncio
import logging

import httpx

from sandbox.aap.subjects import Purpose
from sandbox.eda.aap import Aap
from sandbox.eda.events import Event

log = logging.getLogger(__name__)


class Rulebook:
    """Its rules run side by side."""

    def __init__(self, aap: Aap) -> None:
        self._aap = aap
        self._running: set[asyncio.Task[None]] = set()

    def hear(self, event: Event, starts_after: float) -> None:
        """Act on *event*, if there is a rule for it, after so many seconds."""
        if event.purpose is Purpose.OTHER:
            return
        task = asyncio.create_task(self._act(event, starts_after))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Lose what has not been launched yet."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _act(self, event: Event, starts_after: float) -> None:
        await asyncio.sleep(starts_after)
        try:
            await self._aap.launch(event.purpose, event.extra_vars())
        except httpx.HTTPError as error:
            log.warning("%s: AAP launched nothing, and the event is lost: %r", event.path, error)
