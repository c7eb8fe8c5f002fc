"""An event loop whose time is made up: when nobody has anything to do, it is at once the time of the
next timer. No threads, no I/O; given the same callbacks it runs them in the same order, always.

Each callback belongs to the process (`simulation.hosts`) in whose context it was scheduled. A process
that is paused has its callbacks kept for later, and one that was killed never runs anything again, not
even a ``finally``.
"""

import asyncio
import gc
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from itertools import count
from typing import Any, Protocol


class Owner(Protocol):
    """Whom a callback belongs to."""

    halted: bool

    def keep(self, handle: asyncio.Handle) -> None:
        """Take *handle*, which must not run now, or not at all."""
        ...


class Loop(Protocol):
    """What servers and hosts need of a loop: a virtual one, or one that runs tests (`simulation.calm`)."""

    def time(self) -> float: ...

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle: ...

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle: ...

    def create_future(self) -> asyncio.Future[Any]: ...

    def create_task(
        self, coro: Coroutine[Any, Any, Any], *, context: Context | None = None
    ) -> asyncio.Task[Any]: ...

    def run_again(self, handles: deque[asyncio.Handle]) -> None: ...


OWNER: ContextVar[Owner | None] = ContextVar("owner", default=None)
WORLD = Context()
"""The context of everything that is no process of ours: servers, networks, people."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs callbacks first in, first out; `time` is in virtual seconds since 0."""

    def __init__(self) -> None:
        self._now = 0.0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._order = count()
        self.crashes: list[dict[str, Any]] = []
        """What callbacks raised: bugs, of ours or of the simulation."""

    def run_until(self, moment: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Run until it is *moment*, or *enough* says so between two moments."""
        asyncio.events._set_running_loop(self)
        try:
            while not enough():
                self._run_ready()
                if not self._timers or self._timers[0][0] > moment:
                    self._now = moment
                    return
                self._wake()
        finally:
            asyncio.events._set_running_loop(None)

    def run_again(self, handles: deque[asyncio.Handle]) -> None:
        """*handles*, which were kept back, may run now."""
        self._ready.extend(handles)

    def end(self) -> None:
        """End every task, in an orderly way, now that nothing counts any more."""
        asyncio.events._set_running_loop(self)
        try:
            while tasks := [task for task in asyncio.all_tasks(self) if not task.done()]:
                for task in tasks:
                    task.cancel()
                self._run_ready()
        finally:
            asyncio.events._set_running_loop(None)
        self._timers.clear()

    def _run_ready(self) -> None:
        ready = self._ready
        while ready:
            handle = ready.popleft()
            if handle._cancelled:
                continue
            owner = handle._context.get(OWNER)  # type: ignore[attr-defined]  # every handle has one
            if owner is not None and owner.halted:
                owner.keep(handle)
            else:
                handle._run()

    def _wake(self) -> None:
        """Make it the next timer's time, and ready whatever is due then."""
        timers = self._timers
        self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            self._ready.append(heapq.heappop(timers)[2])

    # -- what asyncio needs

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]  # as general as it is needed here
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]  # see call_soon
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def call_later(  # type: ignore[override]  # see call_soon
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]  # see call_soon
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.crashes.append(context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It stays among the timers, and is passed over when it is due."""


class Uncollected:
    """Within it nothing is collected: the tasks of a killed process must stay as they are until the end."""

    def __enter__(self) -> None:
        gc.disable()

    def __exit__(self, *_: object) -> None:
        gc.enable()
