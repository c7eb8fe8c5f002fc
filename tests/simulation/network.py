"""Requests on their way: each reaches its server, or not, and its answer the caller, or not.

What a server does, it does at one moment and whatever becomes of the caller.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from cloudkit.contracts.errors import ProvisionerError, Unanswered, Unreachable
from simulation.faults import LATEST, Dice, Fate
from simulation.hosts import Process
from simulation.loop import WORLD, Loop

T = TypeVar("T")
Outcome = tuple[T | None, ProvisionerError | None]


class Network:
    """Between all processes and all servers. ``away`` are the servers that cannot be reached now, the last
    of them until ``back_at``."""

    def __init__(self, loop: Loop, dice: Dice) -> None:
        self._loop = loop
        self._dice = dice
        self.away: set[str] = set()
        self.back_at = 0.0

    def cut_off(self, system: str, seconds: float) -> None:
        """Let nobody reach *system* for so long."""
        self.away.add(system)
        self.back_at = max(self.back_at, self._loop.time() + seconds)
        self._loop.call_later(seconds, self.away.discard, system, context=WORLD)

    async def request(
        self,
        process: Process,
        system: str,
        what: str,
        deed: Callable[[], T],
        *,
        rate: float,
        patience: float,
        at_once: bool = False,
    ) -> T:
        """Have *system* do *deed*; its result, or what it raises, after a while.

        Raises `Unreachable` or `Unanswered` as luck has it; after at most *patience* seconds. *at_once*:
        the caller has looked at its clock, and is not frozen before the request leaves; no protocol could
        bear that, for nothing can be taken back that is on its way.
        """
        if process.dead:
            await self._loop.create_future()
        fate = self._dice.fate(process.host, system, what, rate)
        if fate is Fate.PAUSE_BEFORE and at_once:
            fate = Fate.PAUSE_AFTER
        if fate in (Fate.CRASH_BEFORE, Fate.PAUSE_BEFORE):
            self._befall(process, fate)
            await asyncio.sleep(0)
        if fate is Fate.UNREACHABLE or (system in self.away and self._dice.random.random() < 0.5):
            await asyncio.sleep(0.01)
            raise Unreachable(f"{system} cannot be reached", system=system)
        lost = fate is Fate.LOST_REQUEST or system in self.away
        request: asyncio.Future[T] = self._loop.create_future()
        if not lost:
            arrives = self._arrives_in(fate, patience)
            self._loop.call_later(arrives, self._arrived, process, fate, deed, request, context=WORLD)
        give_up = self._loop.call_later(patience, _give_up, request, f"{system} did not answer {what}")
        try:
            return await request
        finally:
            give_up.cancel()

    def _befall(self, process: Process, fate: Fate) -> None:
        if fate in (Fate.CRASH_BEFORE, Fate.CRASH_AFTER):
            self._dice.strike(process.host)
        else:
            self._dice.freeze(process.host)

    def _arrives_in(self, fate: Fate, patience: float) -> float:
        if fate is Fate.OVERDUE:
            return self._dice.random.uniform(patience / 2, max(2 * patience, LATEST if patience > 10 else 0))
        return self._dice.latency()

    def _arrived(
        self, process: Process, fate: Fate, deed: Callable[[], T], request: "asyncio.Future[T]"
    ) -> None:
        outcome = _done(deed)
        if fate in (Fate.CRASH_AFTER, Fate.PAUSE_AFTER) and not process.dead:
            self._befall(process, fate)
        if fate is not Fate.LOST_ANSWER:
            self._loop.call_later(self._dice.latency(), partial(_answer, request, outcome), context=WORLD)


def _done(deed: Callable[[], T]) -> "Outcome[T]":
    try:
        return deed(), None
    except ProvisionerError as error:
        return None, error


def _answer(request: "asyncio.Future[T]", outcome: "Outcome[T]") -> None:
    result, error = outcome
    if request.done():
        return
    if error is not None:
        request.set_exception(error)
    else:
        request.set_result(result)  # type: ignore[arg-type]  # without an error there is a result


def _give_up(request: "asyncio.Future[T]", text: str) -> None:
    if not request.done():
        request.set_exception(Unanswered(text, system=text.split(maxsplit=1)[0]))
