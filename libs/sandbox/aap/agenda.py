"""What is due when. Nothing runs by itself: `advance` does all that is due by then, in order."""

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import TypeAlias

Deed: TypeAlias = Callable[[datetime], object]
"""Something to do; it is told the moment at which it was due."""


class Agenda:
    def __init__(self) -> None:
        self._due: list[tuple[datetime, int, Deed]] = []
        self._order = count()

    def after(self, seconds: float, since: datetime, deed: Deed) -> None:
        """Do *deed* that many seconds after *since*."""
        heapq.heappush(self._due, (since + timedelta(seconds=seconds), next(self._order), deed))

    def advance(self, now: datetime) -> None:
        """Do what is due by *now*, and what that makes due."""
        while self._due and self._due[0][0] <= now:
            moment, _, deed = heapq.heappop(self._due)
            deed(moment)

    def clear(self) -> None:
        self._due.clear()
