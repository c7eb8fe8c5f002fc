"""Every write to an instance in the whole system, from its creation until it is gone."""

import asyncio
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from benchmarks.observing import Sightings, requests_of, status_writes, watching
from benchmarks.report import Figures
from benchmarks.trials import AGENT, OURS, PATIENCE, SPEC, USERS
from cloudkit.contracts.instance import Phase
from sandbox.instances import Instances, http_client, open_instances
from sandbox.stack import Plan, Stack, start_stack

WRITES = ("adopt", "status", "release")


@dataclass(frozen=True, kw_only=True)
class Workload:
    """How long AAP's jobs take, in seconds, and how long after the one the next instance is created."""

    name: str
    pending: float
    waiting: float
    running: float
    between: float
    gather: str = ""
    """Another CLOUDKIT_STATUS_GATHER than the default."""

    @property
    def environment(self) -> dict[str, str]:
        return {"CLOUDKIT_STATUS_GATHER": self.gather} if self.gather else {}

    @property
    def aap_arguments(self) -> tuple[str, ...]:
        seconds = {"job": self.running, "pending": self.pending, "waiting": self.waiting}
        return tuple(word for name, value in seconds.items() for word in (f"--{name}-seconds", str(value)))


BURST = Workload(name="a burst, instant jobs", pending=0, waiting=0, running=0, between=0)
STREAM = Workload(name="5 a second, jobs of 10 s", pending=0.2, waiting=0.1, running=10, between=0.2)
QUEUES = Workload(name="the same, in AAP's queue for 5 s", pending=2.5, waiting=2.5, running=10, between=0.2)
WORKLOADS = {
    "burst": BURST,
    "stream": STREAM,
    "queues": QUEUES,
    "gathered": replace(STREAM, name=f"{STREAM.name}, gathered for 2 s", gather="2s"),
}


async def measure_system(workload: Workload, count: int) -> Figures:
    """Let *count* instances be created, become Ready, and be deleted until they are gone."""
    with tempfile.TemporaryDirectory(prefix="cloudkit-bench-") as directory:
        plan = Plan(
            directory=Path(directory), aap_arguments=workload.aap_arguments, environment=workload.environment
        )
        async with (
            start_stack(plan) as stack,
            open_instances(stack.kubeconfig) as instances,
            http_client(stack.kubeconfig) as kube,
            watching(instances) as seen,
        ):
            started = time.monotonic()
            users = asyncio.Semaphore(USERS)
            async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as lives:
                for number in range(count):
                    lives.create_task(_live(instances, seen, users, number, workload.between))
            return await _figures(workload, stack, kube, count, time.monotonic() - started)


async def _live(
    instances: Instances, seen: Sightings, users: asyncio.Semaphore, number: int, between: float
) -> None:
    await asyncio.sleep(number * between)
    name = f"vm-{number:05d}"
    async with users:
        await instances.create(name, name=name, **SPEC)
    await seen.until(name, lambda now: now.status.phase is Phase.READY)
    async with users:
        await instances.delete(name)
    await seen.until_gone(name)


async def _figures(
    workload: Workload, stack: Stack, kube: httpx.AsyncClient, count: int, took: float
) -> Figures:
    requests = await requests_of(AGENT, kube)
    told = await status_writes(stack, (OURS,))
    return {
        "workload": workload.name,
        "instances": count,
        "seconds": round(took, 1),
        "writes_per_life": round(requests.writes / count, 2),
        "of_these": {
            write: round(told.get(f"{write} written", 0) / count, 2)
            for write in ("adopt", "status", "release")
        },
        "reads_per_life": round(requests.reads / count, 2),
        "conflicts": requests.conflicts,
        "requests": dict(requests.answered),
        "status_writes_total": told,
    }
