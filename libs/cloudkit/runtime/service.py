"""The shell of a service: everything around its work, so that ``__main__`` is three lines.

::

    def main() -> None:
        run_service("watcher", Settings, build)

    0    told to stop, and everything ended in order
    1    a bug: something crashed; whoever supervises should start the service again
    2    a person must change a setting or a deployment; every problem stands on standard error

*build* wires the service: it enters contexts (connections) and spawns loops. The first SIGTERM or
SIGINT sets `Shell.stopping`; loops then have ``CLOUDKIT_SHUTDOWN_GRACE`` to end by themselves,
contexts are closed in reverse order. The second signal ends the process at once.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, NoReturn, TypeVar

import structlog

from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.command_line import read_command_line, version
from cloudkit.runtime.health import Health
from cloudkit.runtime.http import serve_http
from cloudkit.runtime.logs import configure_logs
from cloudkit.runtime.ports import Clock
from cloudkit.runtime.ready_file import write_ready_file
from cloudkit.runtime.settings import CommonSettings, misspelled, read_settings
from cloudkit.runtime.telemetry import export_traces

S = TypeVar("S", bound=CommonSettings)
T = TypeVar("T")

log = structlog.get_logger()

CRASHED, MISCONFIGURED = 1, 2


class Shell:
    """What a service finds around itself while it is built and while it runs."""

    def __init__(self, *, grace: float) -> None:
        self.clock: Clock = SystemClock()
        self.health = Health()
        self.stopping = asyncio.Event()
        self.crash: BaseException | None = None
        """The first unexpected end of a loop: why the process will end."""
        self._grace = grace
        """Seconds for the loops to end by themselves, and again for the contexts to close."""
        self._contexts = AsyncExitStack()
        self._loops: set[asyncio.Task[None]] = set()
        self._deaf: set[asyncio.Task[None]] = set()
        """Loops that do not look at `stopping`."""

    async def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """Enter *context* until the service ends; the last entered is the first closed."""
        return await self._contexts.enter_async_context(context)

    def spawn(
        self, name: str, coroutine: Coroutine[Any, Any, None], *, cancel_at_stop: bool = False
    ) -> asyncio.Task[None]:
        """Run *coroutine* in the background. If it crashes, the service ends with exit code 1.

        It should end by itself soon after `stopping` is set, and is canceled if it takes too long;
        with *cancel_at_stop* it is canceled at once: for what may be interrupted anywhere.
        """
        loop = asyncio.create_task(coroutine, name=name)
        self._loops.add(loop)
        if cancel_at_stop:
            self._deaf.add(loop)
        loop.add_done_callback(self._ended)
        return loop

    def _ended(self, loop: asyncio.Task[None]) -> None:
        self._loops.discard(loop)
        self._deaf.discard(loop)
        if loop.cancelled() and self.stopping.is_set():
            return
        if error := _end_of(loop):
            self.blame(error, loop.get_name())

    def blame(self, error: BaseException, culprit: str) -> None:
        """End the service because of *error*, which *culprit* did not expect."""
        self.crash = self.crash or error
        self.stopping.set()
        if not isinstance(error, Misconfigured):  # its problems are told at the end, without a traceback
            log.error("crashed", loop=culprit, exc_info=error)

    async def close(self) -> None:
        """Let the loops end, then close the contexts in reverse order."""
        self.stopping.set()
        await self._end_loops()
        try:
            async with asyncio.timeout(self._grace):
                await self._contexts.aclose()
        except Exception as error:  # noqa: BLE001  # whatever a context raises, the process ends; it is told
            self.blame(error, "closing")

    async def _end_loops(self) -> None:
        if not self._loops:
            return
        for loop in self._deaf:
            loop.cancel()
        _, stubborn = await asyncio.wait(self._loops, timeout=self._grace)
        for loop in stubborn:
            log.warning("canceled, because it did not end by itself", loop=loop.get_name())
            loop.cancel()
        if stubborn:
            await asyncio.wait(stubborn, timeout=self._grace)


Build = Callable[[S, Shell], Awaitable[None]]


def run_service(name: str, settings: type[S], build: Build[S]) -> NoReturn:
    """Run the service *name* until it is told to stop, and exit. All that a ``__main__`` calls."""
    read_command_line(name, settings, sys.argv[1:])
    try:
        given = read_settings(settings, os.environ)
        configure_logs(name, level=given.log_level, format=given.log_format)
        export_traces(name, os.environ)
        for slip, meant in misspelled(settings, os.environ).items():
            log.warning("unknown setting", variable=slip, did_you_mean=meant)
        crash = asyncio.run(_live(given, build))
    except Misconfigured as error:
        crash = error
    sys.exit(_exit_code(name, crash))


async def _live(settings: S, build: Build[S]) -> BaseException | None:
    """The whole life of the service; returns what ended it, or None if it was told to stop."""
    shell = Shell(grace=settings.shutdown_grace)
    _listen_to_signals(shell)
    shell.health.down("service", "starting")
    log.info("starting", version=version(), pid=os.getpid())
    try:
        port = await shell.enter(serve_http(settings.http_port, shell.health, alive=lambda: not shell.crash))
        if await _built(settings, shell, build):
            _announce(settings, shell, port)
            await shell.stopping.wait()
        shell.health.down("service", "stopping")
        log.info("stopping")
    finally:
        await shell.close()
    log.info("stopped")
    return shell.crash


async def _built(settings: S, shell: Shell, build: Build[S]) -> bool:
    """Whether *build* came to its end before the service was told to stop."""
    building = asyncio.ensure_future(build(settings, shell))
    told = asyncio.ensure_future(shell.stopping.wait())
    await asyncio.wait({building, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    building.cancel()  # without effect if it is done
    await asyncio.wait({building}, timeout=settings.shutdown_grace)
    if not building.done() or (building.cancelled() and shell.stopping.is_set()):
        return False
    if error := _end_of(building):
        shell.blame(error, "build")
    return error is None


def _announce(settings: CommonSettings, shell: Shell, port: int | None) -> None:
    shell.health.up("service")
    if settings.ready_file:
        write_ready_file(settings.ready_file, port)
    log.info("started")


def _listen_to_signals(shell: Shell) -> None:
    heard: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        log.info("told to stop", signal=number.name)
        if heard:
            os._exit(128 + number)
        heard.append(number)
        shell.stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)


def _end_of(task: asyncio.Future[Any]) -> BaseException | None:
    """What *task* ended with, if it did not end well; to be canceled by nobody is not well either."""
    return asyncio.CancelledError() if task.cancelled() else task.exception()


def _exit_code(name: str, crash: BaseException | None) -> int:
    if crash is None:
        return 0
    if isinstance(crash, Misconfigured):
        for problem in crash.problems:
            print(f"{name}: {problem}", file=sys.stderr)  # noqa: T201  # for the person who starts it
        return MISCONFIGURED
    return CRASHED
