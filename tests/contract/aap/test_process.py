"""The stand-in as a process of its own."""

import asyncio
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec

from sandbox.aap.__main__ import Access
from sandbox.aap.control import Control

LIBS = Path(__file__).parents[3] / "libs"


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[tuple[Process, Access]]:
    """A stand-in that listens; killed at the end if it still lives."""
    ready = directory / "ready.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox.aap", "--ready-file", ready, "--directory", directory / "state"),
        *("--job-seconds", "0", "--pending-seconds", "0", "--waiting-seconds", "0", "--first-id", "50"),
        cwd=LIBS,
    )
    try:
        yield process, await _access(ready, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        ready.unlink(missing_ok=True)


async def _access(ready: Path, process: Process) -> Access:
    async with asyncio.timeout(20):
        while (access := _read(ready)) is None:
            assert process.returncode is None
            await asyncio.sleep(0.01)
    return access


def _read(ready: Path) -> Access | None:
    return msgspec.json.decode(ready.read_bytes(), type=Access) if ready.exists() else None


async def test_it_says_how_to_reach_it_and_stops_when_told_to(tmp_path: Path) -> None:
    async with serving(tmp_path) as (process, access):
        assert access.pid == process.pid
        headers = {"Authorization": f"Bearer {access.token}"}
        async with (
            httpx.AsyncClient(headers=headers, trust_env=False) as http,
            Control(access.control) as control,
        ):
            template = (await control.templates())[0]
            launch = await http.post(f"{access.url}/v2/job_templates/{template.id}/launch/")
            job = (await http.get(f"{access.url}/v2/jobs/50/")).json()

        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await process.wait() == 0

    assert (launch.json()["id"], job["status"]) == (50, "successful")


async def test_a_restart_in_the_same_directory_keeps_token_and_port(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, first):
        pass
    async with serving(tmp_path) as (_, second):
        pass

    assert (first.token, first.url) == (second.token, second.url)
