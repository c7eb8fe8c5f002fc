"""Hosts, each with clocks of its own, and the processes that live and die on them.

A process dies at any ``await``: nothing of it ever runs again, and its memory is gone. It may also be
paused, as by a debugger, a full node or a live migration: the world goes on, and it does not notice.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from datetime import UTC, datetime, timedelta

from cloudkit.runtime.ports import Clock
from simulation.loop import OWNER, WORLD, Loop

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
"""The true time at virtual second 0."""


class HostClock:
    """A `cloudkit.runtime.ports.Clock`: *skew* seconds off, and counting from a moment of its own."""

    def __init__(self, loop: Loop, *, skew: float = 0.0, counts_from: float = 0.0) -> None:
        self._loop = loop
        self._start = NEW_YEAR + timedelta(seconds=skew)
        self._counts_from = counts_from

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._counts_from + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Process:
    """One life of a service on *host*."""

    def __init__(self, host: "Host") -> None:
        self.host = host
        self.halted = False
        self.dead = False
        self.context = Context()
        self.context.run(OWNER.set, self)
        self._kept: deque[asyncio.Handle] = deque()

    def __str__(self) -> str:
        return self.host.name

    def keep(self, handle: asyncio.Handle) -> None:
        self._kept.append(handle)

    def kill(self) -> None:
        self.halted = self.dead = True

    def pause(self) -> None:
        self.halted = True

    def go_on(self, loop: Loop) -> None:
        if self.halted and not self.dead:
            self.let_go(loop)

    def let_go(self, loop: Loop) -> None:
        """Whatever was kept back may run."""
        self.halted = False
        kept, self._kept = self._kept, deque()
        loop.run_again(kept)


class Host:
    """Where *boot* starts a service whenever the last one has died."""

    def __init__(self, name: str, loop: Loop, clock: Clock, boot: Callable[[Process], None]) -> None:
        self.name = name
        self.clock = clock
        self._loop = loop
        self._boot = boot
        self.process: Process | None = None
        self.processes: list[Process] = []
        """All that ever were."""
        self.wakes_at = 0.0
        """When it goes on, if it is down or paused."""
        self.thaws_at = 0.0
        """When it goes on after the last pause, with all that it knew."""
        self._frozen_at = 0.0

    @property
    def up(self) -> bool:
        return self.process is not None and not self.process.halted

    def start(self) -> None:
        if self.process is None:
            self.process = Process(self)
            self.processes.append(self.process)
            self._boot(self.process)

    def kill(self, down_for: float) -> None:
        """End the process; another one starts after *down_for* seconds."""
        if self.process is not None:
            self.process.kill()
            self.process = None
            self.wakes_at = self._loop.time() + down_for
            self._loop.call_later(down_for, self.start, context=WORLD)

    def pause(self, seconds: float) -> None:
        """Freeze the process, if it is not frozen already."""
        if (process := self.process) is not None and not process.halted:
            process.pause()
            self._frozen_at = self._loop.time()
            self.wakes_at = self.thaws_at = self._loop.time() + seconds
            self._loop.call_later(seconds, process.go_on, self._loop, context=WORLD)

    def last_words(self, moment: float) -> float:
        """Until when it may have said something that it knew before *moment*; that is not later. Whoever has
        died remembers nothing, and whoever stands still says nothing."""
        now = self._loop.time()
        return max(moment, self.thaws_at if self.thaws_at <= now else self._frozen_at)

    def wake(self) -> None:
        """Whatever has befallen it is over."""
        self.wakes_at = min(self.wakes_at, self._loop.time())
        self.thaws_at = min(self.thaws_at, self._loop.time())
        self.start()
        if self.process is not None:
            self.process.go_on(self._loop)
