"""Whose launch is next: how many are under way at once, and in which order the others wait.

A slot comes with a place at the limiter, and its launch with a connection of its own: once a number is
claimed, nothing has to be waited for any more.

Removals go first, because they free what the others need. But one provision has its turn after
`MOST_IN_A_ROW` removals, so that no stream of removals holds it up for ever.

If the process dies, everything here is forgotten with it: no number was claimed for whoever waited.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aap_poller.limiter import Limiter
from cloudkit.contracts.jobs import JobType

WAITING_PER_SLOT = 3
"""How many launches of each type may wait in this process for each slot. The others wait in the stream,
so that cancels and questions always find room among the messages in flight, and removals among launches."""
MOST_IN_A_ROW = 4

Turn = asyncio.Future[None]


class Slots:
    """Bounds the launches under way to *number*, and with those that wait for their turn to ``most``."""

    def __init__(self, number: int, limiter: Limiter) -> None:
        self.most_of_a_type = number * (1 + WAITING_PER_SLOT)
        self.most = self.most_of_a_type * len(JobType)
        self._free = number
        self._limiter = limiter
        self._inside = dict.fromkeys(JobType, 0)
        self._lines: dict[JobType, deque[Turn]] = {type: deque() for type in JobType}
        self._removals_in_a_row = 0

    def crowded(self, type: JobType) -> bool:
        """Whether enough launches of this *type* are here already."""
        return self._inside[type] >= self.most_of_a_type

    @contextmanager
    def queue(self, type: JobType) -> Iterator[None]:
        """Be one of those that wait or are under way."""
        self._inside[type] += 1
        try:
            yield
        finally:
            self._inside[type] -= 1

    @asynccontextmanager
    async def turn(self, type: JobType) -> AsyncIterator[None]:
        """Wait for a slot, then for a place at the limiter: within, one launch may be sent at once."""
        await self._taken(type)
        try:
            await self._limiter.turn()
            yield
        finally:
            self._give_away()

    async def _taken(self, type: JobType) -> None:
        turn: Turn = asyncio.get_running_loop().create_future()
        self._lines[type].append(turn)
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._give_away()  # It was handed to us while we were being canceled.
            raise

    def _give_away(self) -> None:
        self._free += 1
        self._serve()

    def _serve(self) -> None:
        """Hand every free slot to who is next."""
        while self._free and (type := self._next()) is not None:
            turn = self._lines[type].popleft()
            if turn.cancelled():
                continue  # Nobody waits for it any longer.
            self._removals_in_a_row = self._removals_in_a_row + 1 if type is JobType.DEPROVISION else 0
            self._free -= 1
            turn.set_result(None)

    def _next(self) -> JobType | None:
        removals, provisions = self._lines[JobType.DEPROVISION], self._lines[JobType.PROVISION]
        if removals and not (provisions and self._removals_in_a_row >= MOST_IN_A_ROW):
            return JobType.DEPROVISION
        return JobType.PROVISION if provisions else None
