"""The logs of many processes on one terminal."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.forwarding import forward
from sandbox.process import Command, Process


class Screen:
    """A terminal: the lines on it, and a bell for each."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._bell = asyncio.Event()

    def write(self, line: str) -> None:
        self.lines.append(line)
        self._bell.set()

    async def has(self, count: int) -> list[str]:
        async with asyncio.timeout(5):
            while len(self.lines) < count:
                self._bell.clear()
                await self._bell.wait()
        return self.lines


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def logs(tmp_path: Path) -> dict[str, Path]:
    logs = {name: tmp_path / f"{name}.log" for name in ("watcher", "nats")}
    for log in logs.values():
        log.touch()
    return logs


@contextlib.asynccontextmanager
async def forwarding(logs: dict[str, Path], screen: Screen, *, colour: bool) -> AsyncIterator[None]:
    processes = [Process(Command(name=name, arguments=()), log) for name, log in logs.items()]
    task = asyncio.create_task(forward(lambda: processes, screen.write, colour=colour))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_each_line_carries_the_name_of_its_process(logs: dict[str, Path], screen: Screen) -> None:
    async with forwarding(logs, screen, colour=False):
        logs["nats"].write_text("ready\n")
        logs["watcher"].write_text("one\ntwo\n")
        assert sorted(await screen.has(3)) == [
            "nats           | ready",
            "watcher        | one",
            "watcher        | two",
        ]


async def test_a_line_is_shown_once_and_not_before_it_is_whole(logs: dict[str, Path], screen: Screen) -> None:
    async with forwarding(logs, screen, colour=False):
        with logs["nats"].open("w", buffering=1) as log:
            log.write("first\nsec")
            log.flush()
            assert await screen.has(1) == ["nats           | first"]
            log.write("ond\n")
            assert await screen.has(2) == ["nats           | first", "nats           | second"]


async def test_on_a_terminal_each_process_has_its_colour(logs: dict[str, Path], screen: Screen) -> None:
    async with forwarding(logs, screen, colour=True):
        logs["nats"].write_text("ready\n")
        logs["watcher"].write_text("ready\n")
        lines = await screen.has(2)
    assert len({line.split("m", 1)[0] for line in lines}) == 2
