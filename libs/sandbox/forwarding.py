"""Shows on one terminal what many processes write to their logs, each line with the name of its process."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import cycle
from pathlib import Path

from sandbox.process import Process

LOOK_EVERY = 0.1
COLOURS = ("36", "33", "32", "35", "34", "31")
"""Cyan, yellow, green, magenta, blue, red: ANSI codes, in order of appearance."""


async def forward(
    processes: Callable[[], Iterable[Process]], write: Callable[[str], None], *, colour: bool
) -> None:
    """Write each new line in the log of each process, until canceled."""
    tails: dict[str, _Tail] = {}
    palette = cycle(COLOURS)
    while True:
        for process in processes():
            if process.name not in tails:
                tails[process.name] = _Tail(
                    process.log, _prefix(process.name, next(palette) if colour else "")
                )
            for line in tails[process.name].new_lines():
                write(line)
        await asyncio.sleep(LOOK_EVERY)


def _prefix(name: str, colour: str) -> str:
    text = f"{name:<14} |"
    return f"\x1b[{colour}m{text}\x1b[0m " if colour else f"{text} "


class _Tail:
    """A log, and how far it has been shown."""

    def __init__(self, log: Path, prefix: str) -> None:
        self._log = log
        self._prefix = prefix
        self._shown = 0

    def new_lines(self) -> list[str]:
        """The whole lines that came since the last call; a line still being written waits for its end."""
        with self._log.open("rb") as log:
            log.seek(self._shown)
            new = log.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._shown += len(whole)
        return [self._prefix + line for line in whole.decode(errors="replace").splitlines()]
