"""Lanes, one for each instance: in a lane one thing at a time, and many lanes side by side.

::

    wake(lane) ─────────────► ready ──► work(lane) ──► idle
    wake(lane, after) ─► alarm ─┘ ▲          │
                                  └──────────┘ woken meanwhile, or (after a pause) because it failed

A lane is a mere name: its owner knows what there is to do in it. Woken once or often before its turn, it
is worked on once; the sooner of two alarms counts, and whoever works on a lane finds its alarm gone.
What `work` raises is told and tried again, after 0.2 s doubling to 5 s, so no lane is ever forgotten.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from heapq import heapify, heappop, heappush
from typing import Any, TypeAlias

import structlog

from cloudkit.contracts.errors import ProvisionerError
from cloudkit.runtime.ending import end
from cloudkit.runtime.metrics import LANE_FAILURES
from cloudkit.runtime.ports import Clock

log = structlog.get_logger()

Lane: TypeAlias = tuple[str, str]
"""Namespace and name of an instance: its lives follow each other in the same lane."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


class Lanes:
    """Calls *work* for lanes that were woken, for at most *width* of them at once."""

    def __init__(self, work: Callable[[Lane], Awaitable[None]], *, clock: Clock, width: int) -> None:
        self._work = work
        self._clock = clock
        self._width = width
        self._ready: asyncio.Queue[Lane] = asyncio.Queue()
        self._queued: set[Lane] = set()
        self._busy: set[Lane] = set()
        self._alarms = Alarms()
        self._sooner = asyncio.Event()
        self._failures: dict[Lane, int] = {}

    def wake(self, lane: Lane, after: float = 0.0) -> None:
        """See to it that *lane* is worked on, at once or within *after* seconds."""
        if after > 0:
            if self._alarms.set(lane, self._clock.monotonic() + after):
                self._sooner.set()
        elif lane not in self._queued:
            self._queued.add(lane)
            if lane not in self._busy:
                self._ready.put_nowait(lane)

    def forget(self, lane: Lane) -> None:
        """Take back the alarm of *lane*."""
        self._alarms.drop(lane)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Work as long as the block lasts. What is being worked on at its end is canceled, which does no
        more harm than a crash of the process would."""
        tasks: list[asyncio.Task[None]] = [asyncio.create_task(self._ring())]
        tasks += [asyncio.create_task(self._work_off()) for _ in range(self._width)]
        try:
            yield
        finally:
            await end(*tasks)

    async def _work_off(self) -> None:
        while True:
            lane = await self._ready.get()
            self._queued.discard(lane)
            self._alarms.drop(lane)
            self._busy.add(lane)
            await self._attempt(lane)
            self._busy.discard(lane)
            if lane in self._queued:
                self._ready.put_nowait(lane)

    async def _attempt(self, lane: Lane) -> None:
        try:
            await self._work(lane)
        except Exception as error:  # noqa: BLE001  # a bug in one lane must not end the others; it is told
            self._failed(lane, error)
        else:
            self._failures.pop(lane, None)

    def _failed(self, lane: Lane, error: Exception) -> None:
        failures = self._failures[lane] = self._failures.get(lane, 0) + 1
        pause = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** min(failures - 1, 10))
        LANE_FAILURES.labels(type(error).__name__).inc()
        if isinstance(error, ProvisionerError):
            log.warning("trying again", instance="/".join(lane), because=str(error), pause=pause)
        else:
            log.error("work on an instance crashed", instance="/".join(lane), pause=pause, exc_info=error)
        self.wake(lane, after=pause)

    async def _ring(self) -> None:
        """Wake the lanes whose alarm is due, and sleep until the next one, or until a sooner one comes."""
        while True:
            self._sooner.clear()
            for lane in self._alarms.due(self._clock.monotonic()):
                self.wake(lane)
            waits: list[asyncio.Task[Any]] = [asyncio.create_task(self._sooner.wait())]
            if (at := self._alarms.next) is not None:
                waits.append(asyncio.create_task(self._clock.sleep(at - self._clock.monotonic())))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()


class Alarms:
    """When each lane is due: at most one alarm a lane, and memory for as many as there are lanes."""

    def __init__(self) -> None:
        self._at: dict[Lane, float] = {}
        self._heap: list[tuple[float, Lane]] = []

    def set(self, lane: Lane, at: float) -> bool:
        """Ring for *lane* at monotonic time *at*, unless it rings sooner anyway. Returns whether nothing
        rings before."""
        if at >= self._at.get(lane, at + 1):
            return False
        self._at[lane] = at
        heappush(self._heap, (at, lane))
        if len(self._heap) > 2 * len(self._at) + 64:
            self._heap = [(at, lane) for lane, at in self._at.items()]
            heapify(self._heap)
        return self._heap[0] == (at, lane)

    def drop(self, lane: Lane) -> None:
        self._at.pop(lane, None)

    @property
    def next(self) -> float | None:
        """When the next one rings."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> list[Lane]:
        """The lanes whose alarms ring until *now*; they are taken off."""
        lanes: list[Lane] = []
        while (at := self.next) is not None and at <= now:
            lanes.append(heappop(self._heap)[1])
            self.drop(lanes[-1])
        return lanes
