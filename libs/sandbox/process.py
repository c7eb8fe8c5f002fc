"""One child process: start it, wait until it says that it is ready, send it signals, end it.

A child is ready when its ready file exists: JSON that it writes at once (by rename) and in which it
says how to reach it. What it prints goes straight to its log file, so neither a slow reader nor our
own death ever holds it up.

A child leads a session of its own: a Ctrl-C in the terminal is ours alone to answer, and signals
reach whatever it started as well. It dies with us; see `sandbox.leash`.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import leash

LOOK_EVERY = 0.01
"""Seconds between two looks at a child: fine enough not to be felt when everything starts."""
TAIL_LINES = 20


class DidNotStart(RuntimeError):
    """Raised when a child ended, or said nothing in time, instead of becoming ready; the text shows
    the end of its log."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run, under which name. ``environment`` is the whole of it, or None for that of this
    process. Without a ``ready_file`` the child is ready once it runs."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] | None = None
    ready_file: Path | None = None


class Process:
    """A child of ours, which may live several times."""

    def __init__(self, command: Command, log: Path) -> None:
        self.command = command
        self.log = log
        self.wanted = False
        """Whether it should be running: what tells an end that was asked for from one that was not."""
        self.said: dict[str, Any] = {}
        """What it said when it last was ready."""
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return self.command.name

    @property
    def pid(self) -> int:
        """The process id of its present or last life."""
        if self._child is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return None if self._child is None else self._child.poll()

    def start(self) -> None:
        """Start it, without waiting for it to be ready."""
        if self.running:
            raise RuntimeError(f"{self.name} runs already")
        if self.command.ready_file is not None:
            self.command.ready_file.unlink(missing_ok=True)
        on_a_leash = [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), *self.command.arguments]
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(  # noqa: S603  # our own commands, no shell
                on_a_leash,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.command.environment,
                start_new_session=True,
            )
        self.wanted = True

    async def ready(self, within: float = 30) -> dict[str, Any]:
        """What its ready file says. Raises `DidNotStart` when it ends before, or after *within* seconds."""
        give_up = time.monotonic() + within
        while (said := self._said()) is None:
            if not self.running:
                raise DidNotStart(f"{self.name} ended with exit code {self.exit_code}.\n{self.tail()}")
            if time.monotonic() > give_up:
                raise DidNotStart(f"{self.name} was not ready after {within:g} s.\n{self.tail()}")
            await asyncio.sleep(LOOK_EVERY)
        self.said = said
        return said

    def _said(self) -> dict[str, Any] | None:
        if self.command.ready_file is None:
            return {} if self.running else None
        if not self.command.ready_file.exists():
            return None
        said: dict[str, Any] = json.loads(self.command.ready_file.read_text())
        return said

    async def ended(self, within: float) -> bool:
        """Whether it has ended *within* so many seconds."""
        give_up = time.monotonic() + within
        while self.running:
            if time.monotonic() > give_up:
                return False
            await asyncio.sleep(LOOK_EVERY)
        return True

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it and to whatever it started. Nothing happens once it has ended.

        Its id cannot belong to anybody else meanwhile: only `running` reaps it.
        """
        if self.running:
            os.killpg(self.pid, number)

    def pause(self) -> None:
        """Stop it where it stands, as a host that hangs does."""
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.send(signal.SIGCONT)

    async def kill(self) -> None:
        """End it with kill -9, as a crash would: it has no say in it, and it still is wanted."""
        self.send(signal.SIGKILL)
        await self.ended(within=5)

    async def stop(self, grace: float = 3) -> None:
        """End it politely, and after *grace* seconds with kill -9."""
        self.wanted = False
        self.send(signal.SIGTERM)
        self.resume()
        if not await self.ended(grace):
            await self.kill()

    async def restart(self, within: float = 30) -> dict[str, Any]:
        """Start it again, ended or not, and wait until it is ready."""
        await self.stop()
        self.start()
        return await self.ready(within)

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last *lines* of its log, with the name of the file above."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join([f"The end of {self.log}:", *text.splitlines()[-lines:]])
