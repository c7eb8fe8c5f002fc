"""Starts processes in waves, keeps them running if asked to, and ends them, the last wave first.

Children don't outlive the supervisor: `stop` ends them, `atexit` does when `stop` was never reached,
and the kernel does when this process is killed (`sandbox.leash`). To turn SIGINT and SIGTERM into
`stop` is left to the command that runs the supervisor.
"""

import asyncio
import atexit
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.process import Command, DidNotStart, Process

log = logging.getLogger(__name__)

RESTART_AFTER = 1.0
"""Seconds between the unexpected end of a process and its next life."""


class Supervisor:
    """The processes of one run, their logs side by side in *directory*.

    With *keep_alive*, a process that ends unasked is started again, and *say* gets a sentence about it.
    """

    def __init__(
        self, directory: Path, *, keep_alive: bool = False, say: Callable[[str], object] = log.warning
    ) -> None:
        self.directory = directory
        self.processes: dict[str, Process] = {}
        self._waves: list[list[Process]] = []
        self._keep_alive = keep_alive
        self._say = say
        self._keepers: set[asyncio.Task[None]] = set()
        directory.mkdir(parents=True, exist_ok=True)
        atexit.register(self.kill_all)

    async def start(self, *commands: Command, within: float = 30) -> list[dict[str, Any]]:
        """Start *commands* side by side, and return what each says when it is ready.

        Raises `DidNotStart`; the others of the wave run on until `stop`.
        """
        wave = [Process(command, self.directory / f"{command.name}.log") for command in commands]
        self._waves.append(wave)
        self.processes |= {process.name: process for process in wave}
        for process in wave:
            process.start()
        said = await asyncio.gather(*(process.ready(within) for process in wave))
        if self._keep_alive:
            self._keepers |= {asyncio.create_task(self._keep(process)) for process in wave}
        return said

    async def stop(self) -> None:
        """End every process, wave by wave, each within a few seconds."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for wave in reversed(self._waves):
            await asyncio.gather(*(process.stop() for process in wave))
        atexit.unregister(self.kill_all)

    def kill_all(self) -> None:
        """End every process at once, without waiting."""
        for process in self.processes.values():
            process.wanted = False
            process.send(signal.SIGKILL)

    async def _keep(self, process: Process) -> None:
        while True:
            await asyncio.sleep(0.1)
            if process.wanted and not process.running:
                await self._revive(process)

    async def _revive(self, process: Process) -> None:
        self._say(f"{process.name} ended with exit code {process.exit_code}; starting it again")
        await asyncio.sleep(RESTART_AFTER)
        if process.running or not process.wanted:
            return  # somebody started or stopped it meanwhile
        process.start()
        try:
            await process.ready()
        except DidNotStart as error:
            self._say(str(error))
