"""A world without faults, on the loop that runs tests: there the servers of the simulation keep the same
contracts as the real ones (`tests/contract`), or they would prove things about a world that is not ours.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context
from random import Random
from typing import Any

from cloudkit.runtime.ports import Clock
from simulation.faults import Dice
from simulation.history import History
from simulation.hosts import Host, Process
from simulation.loop import Loop
from simulation.network import Network

LONGEST = 0.0005
"""How long a message takes at most, in seconds; so that tests do not."""


class BorrowedLoop:
    """A `simulation.loop.Loop` in real time, which takes back what was begun on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timers: list[asyncio.TimerHandle] = []
        self._tasks: list[asyncio.Task[Any]] = []

    def time(self) -> float:
        return self._loop.time()

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = self._loop.call_at(when, callback, *args, context=context)
        self._timers.append(timer)
        return timer

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return self._loop.create_future()

    def create_task(
        self, coro: Coroutine[Any, Any, Any], *, context: Context | None = None
    ) -> asyncio.Task[Any]:
        task = self._loop.create_task(coro, context=context)
        self._tasks.append(task)
        return task

    def run_again(self, handles: deque[asyncio.Handle]) -> None:
        """Nobody is paused here, so nothing is ever kept back."""
        assert not handles

    async def end(self) -> None:
        """Cancel what is still to come."""
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class CalmDice(Dice):
    """Nothing befalls anybody, and nothing takes long."""

    def __init__(self, history: History) -> None:
        super().__init__(Random(1), history, calm=True)

    def latency(self) -> float:
        return self.random.uniform(0, LONGEST)


class Calm:
    """Where servers of the simulation stand, and processes reach them."""

    def __init__(self, loop: Loop, dice: Dice) -> None:
        self.loop = loop
        self.dice = dice
        self.network = Network(loop, self.dice)

    def process(self, clock: Clock) -> Process:
        """One of its own, by *clock*."""
        return Process(Host("tester", self.loop, clock, boot=lambda _: None))


@asynccontextmanager
async def calm(dice: type[CalmDice] = CalmDice) -> AsyncIterator[Calm]:
    """A world for one test."""
    loop = BorrowedLoop(asyncio.get_running_loop())
    try:
        yield Calm(loop, dice(History(loop.time)))
    finally:
        await loop.end()
