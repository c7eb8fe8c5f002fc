"""A `cloudkit.runtime.ports.Clock` that stands still until a test moves it."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
TURNS = 20
"""How often other tasks get a turn after a sleeper woke, so that they reach their next sleep."""


class ManualClock:
    """Time passes only in `advance`, which wakes sleepers in the order of their alarms."""

    def __init__(self, start: datetime = NEW_YEAR) -> None:
        self._start = start
        self._elapsed = 0.0
        self._alarms: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        alarm = asyncio.get_running_loop().create_future()
        heapq.heappush(self._alarms, (self._elapsed + seconds, next(self._order), alarm))
        await alarm

    @property
    def sleepers(self) -> int:
        """How many tasks wait for an alarm."""
        return sum(not alarm.done() for _, _, alarm in self._alarms)

    def pass_time(self, seconds: float) -> None:
        """Let *seconds* go by without giving anybody a turn: a process that was frozen."""
        self._elapsed += seconds

    async def advance(self, seconds: float) -> None:
        """Let *seconds* go by, and everybody whose alarm rings meanwhile do what they do then."""
        until = self._elapsed + seconds
        await _let_others_run()
        while self._alarms and self._alarms[0][0] <= until:
            at, _, alarm = heapq.heappop(self._alarms)
            self._elapsed = max(self._elapsed, at)
            if not alarm.done():
                alarm.set_result(None)
                await _let_others_run()
        self._elapsed = max(self._elapsed, until)


async def _let_others_run() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)
