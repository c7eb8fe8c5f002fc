"""The program on the page about subjects hears every failure, past and to come."""

import asyncio
import sys
from pathlib import Path

from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.runtime.bus import connect
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.health import Health
from fromcode.examples import FAILED, LISTENING, REF, RUNNING
from sandbox.nats import start_nats

HEARD = "web provision AAP job failed: Create virtual machine on localhost: exceeded quota\n"


async def test_a_listener_hears_failures_from_before_and_from_now_on(tmp_path: Path) -> None:
    async with (
        start_nats(tmp_path) as server,
        connect(server.url, service="test", clock=SystemClock(), health=Health()) as bus,
    ):
        running = JobEvent(event=JobEventName.RUNNING, instance=REF, job=RUNNING)
        failed = JobEvent(event=JobEventName.FAILED, instance=REF, job=FAILED)
        at = await bus.jobs.append(running, await bus.jobs.position(REF))
        at = await bus.jobs.append(failed, at)
        listener = await asyncio.create_subprocess_exec(
            sys.executable, str(LISTENING), server.url, stdout=asyncio.subprocess.PIPE
        )
        assert listener.stdout is not None
        try:
            async with asyncio.timeout(20):
                assert await listener.stdout.readline() == HEARD.encode()
                await bus.jobs.append(failed, at)
                assert await listener.stdout.readline() == HEARD.encode()
        finally:
            listener.kill()
            await listener.wait()
