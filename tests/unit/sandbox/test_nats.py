"""The nats-server that tests start: it keeps its data, and does not outlive its parent."""

import asyncio
import signal
import sys
from pathlib import Path

import psutil
import pytest

from contract.bus.messages import eventually
from sandbox.nats import start_nats

ORPHANING = """
import asyncio, pathlib, sys
from sandbox.nats import start_nats

async def main():
    async with start_nats(pathlib.Path(sys.argv[1])) as server:
        print(server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_server_comes_back_at_the_same_address(tmp_path: Path) -> None:
    async with start_nats(tmp_path) as server:
        url, first = server.url, server.pid
        await server.kill()
        await server.start()

        assert server.url == url
        assert server.pid != first
        assert server.log.exists()


async def test_a_server_ends_with_its_context(tmp_path: Path) -> None:
    async with start_nats(tmp_path) as server:
        pid = server.pid

    assert not psutil.pid_exists(pid)
    with pytest.raises(RuntimeError):
        _ = server.pid


async def test_a_server_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ORPHANING, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    server = psutil.Process(int(await parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    await parent.communicate()

    await eventually(lambda: is_gone(server))


def is_gone(process: psutil.Process) -> bool:
    """Whether it ended; whoever inherited it may not have buried it yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
