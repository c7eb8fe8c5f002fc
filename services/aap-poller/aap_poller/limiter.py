"""How often AAP is asked: one limit for every request of this process.

A launch takes its place before its number is claimed, see `aap_poller.slots`; every other request
right before it is sent, see `aap_poller.gate`. All of them wait in one line, first come, first served:
whoever asks in a loop (a sweep, a poll, a search of many pages) stands in it once at a time, so nobody
waits for longer than all the others need for one request each, and nobody starves.

Nothing of it outlives the process: each replica has a limit of its own.
"""

import asyncio

from aap_poller import metrics
from cloudkit.runtime.ports import Clock

BURST_SECONDS = 0.5
"""After a silence, as many requests as belong to this time go out at once: a sweep with a few launches
does not wait, and AAP, which serves few requests at a time, does not notice."""


class Limiter:
    """Lets *per_second* requests pass, on average; 0 is no limit."""

    def __init__(self, clock: Clock, per_second: float) -> None:
        self._clock = clock
        self._interval = 1 / per_second if per_second else 0.0
        self._slack = max(0.0, BURST_SECONDS - self._interval)
        self._next = clock.monotonic() - self._slack
        """When the next request is due; the further in the past, the larger the burst that may follow."""
        self._line = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until one more request may be sent. Who is canceled meanwhile takes nothing with it."""
        if not self._interval:
            return
        arrived = self._clock.monotonic()
        async with self._line:
            now = self._clock.monotonic()
            due = max(self._next, now - self._slack)
            if due > now:
                await self._clock.sleep(due - now)
            self._next = due + self._interval
        metrics.LIMITER_WAIT_SECONDS.observe(self._clock.monotonic() - arrived)
