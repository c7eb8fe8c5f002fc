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


def a_client(access: Access) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {access.token}"}
    return httpx.AsyncClient(base_url=f"{access.url}/v2", headers=headers, trust_env=False)


async def test_it_says_how_to_reach_it_and_stops_when_told_to(tmp_path: Path) -> None:
    async with serving(tmp_path) as (process, access):
        assert access.pid == process.pid
        async with a_client(access) as http:
            launch = await http.post("/job_templates/7/launch/")
            job = (await http.get("/jobs/50/")).json()
        async with Control(access.control) as control:
            assert {entry.job for entry in await control.audit()} == {50}

        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await process.wait() == 0

    assert (launch.json()["id"], job["status"]) == (50, "successful")


async def test_a_kill_and_restart_in_the_same_directory_loses_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as (process, first), a_client(first) as http:
        launch = await http.post("/job_templates/7/launch/", json={"extra_vars": {"intent": "x"}})
        process.kill()
        await process.wait()
    async with serving(tmp_path) as (_, second), a_client(second) as http:
        job = (await http.get("/jobs/50/")).json()

    assert (first.token, first.url) == (second.token, second.url)
    assert job["created"] == launch.json()["created"]
    assert job["extra_vars"] == '{"intent":"x"}'
