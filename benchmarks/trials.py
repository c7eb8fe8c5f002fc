"""Whole lives of instances, told by job events, while somebody writes them to Kubernetes.

The benchmark is user, watcher and aap-poller at once: it creates and deletes instances, asks for
`Reconcile` where the watcher would, and publishes what happens to jobs. What comes next for an instance
is said once the resource shows that its time has come, as in the whole system.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count as numbers
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from nats.aio.client import Client

from benchmarks.lives import FAST, NUMBERS, Pace, story
from benchmarks.measuring import cost_of, spread
from benchmarks.observing import Sightings, requests_of, status_writes, watching
from benchmarks.report import Figures
from benchmarks.subscriber import open_subscriber
from cloudkit.contracts.cloudevents import event_headers
from cloudkit.contracts.events import JobEvent, encode_event
from cloudkit.contracts.instance import ComputeInstance, InstanceRef
from cloudkit.contracts.intents import Reconcile
from cloudkit.contracts.jobs import JobState, JobType
from cloudkit.contracts.subjects import Addressee, job_subject
from cloudkit.lifecycle.config_version import config_version
from cloudkit.runtime.bus import Bus, connect
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.health import Health
from sandbox.instances import Instances, http_client, open_instances
from sandbox.process import Command
from sandbox.stack import Plan, Stack, service_commands, start_stack

OURS, NAIVE = "status-writer", "naive"
AGENT = "cloudkit-provisioner"
"""How both introduce themselves to Kubernetes."""
USERS = 20
"""Requests of users that are under way at once."""
PATIENCE = 600.0
SPEC: dict[str, Any] = {
    "vcpu": 2,
    "memory": 4096,
    "disk": 40,
    "templateParameters": '{"note": "' + "x" * 2000 + '"}',
}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Who writes, at what *pace* events come, and who else writes: a person who labels instances."""

    writer: str = OURS
    writers: int = 1
    pace: Pace = FAST
    labels: bool = False
    gather: str = ""
    """Another CLOUDKIT_STATUS_GATHER than the default."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of its processes."""
        others = range(2, self.writers + 1)
        return (self.writer, *(f"{self.writer}-{number}" for number in others))

    @property
    def title(self) -> str:
        """Who writes, for people."""
        several = f"{self.writers} x " if self.writers > 1 else ""
        gather = f", gathers {self.gather}" if self.gather else ""
        return f"{several}{self.writer}{gather}{', and labels' if self.labels else ''}"


@dataclass(frozen=True)
class Theatre:
    """Where instances live."""

    stack: Stack
    bus: Bus
    nats: Client
    instances: Instances
    kube: httpx.AsyncClient
    sightings: Sightings
    pace: Pace
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(USERS))


async def measure_trial(trial: Trial, count: int) -> Figures:
    """Let *count* instances live from their creation until they are gone."""
    async with _theatre(trial) as theatre:
        before = {name: cost_of(theatre.stack.pids()[name]).cpu_seconds for name in trial.names}
        labels = asyncio.create_task(_label(theatre)) if trial.labels else None
        async with asyncio.timeout(PATIENCE):
            measured = await (_in_waves if trial.pace.in_waves else _side_by_side)(theatre, count)
        labeled = await _ended(labels)
        return await _figures(trial, theatre, count, measured, before) | {"labels": labeled}


@dataclass(frozen=True)
class Measured:
    """While events were told: for how many seconds, and how many writes were carried out meanwhile."""

    seconds: float = 0.0
    writes: int = 0


async def _side_by_side(theatre: Theatre, count: int) -> Measured:
    """Each instance goes from act to act by itself."""

    async def live(number: int) -> None:
        await asyncio.sleep(number * theatre.pace.between)
        for act in ACTS:
            await act(theatre, _name(number))

    return await _measure(theatre, (live(number) for number in range(count)))


async def _in_waves(theatre: Theatre, count: int) -> Measured:
    """All instances play an act together before the next one begins; only when events are told it counts:
    what users do takes longer than that."""
    seconds, writes = 0.0, 0
    for act in ACTS:
        wave = await _measure(theatre, (act(theatre, _name(number)) for number in range(count)))
        if act in TOLD:
            seconds, writes = seconds + wave.seconds, writes + wave.writes
    return Measured(seconds, writes)


async def _measure(theatre: Theatre, what: Iterable[Coroutine[Any, Any, None]]) -> Measured:
    before, started = await requests_of(AGENT, theatre.kube), time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for each in what:
            tasks.create_task(each)
    took = time.monotonic() - started
    return Measured(took, (await requests_of(AGENT, theatre.kube)).writes - before.writes)


async def _appear(theatre: Theatre, name: str) -> None:
    """A user creates it, and it is adopted."""
    async with theatre.turns:
        instance = await theatre.instances.create(name, name=name, **SPEC)
    await _reconcile(theatre, instance.ref)
    await theatre.sightings.until(name, lambda now: now.adopted)


async def _be_provisioned(theatre: Theatre, name: str) -> None:
    await _tell(theatre, name, JobType.PROVISION)
    await theatre.sightings.until(name, lambda now: _succeeded(now, JobType.PROVISION))


async def _be_deleted(theatre: Theatre, name: str) -> None:
    async with theatre.turns:
        await theatre.instances.delete(name)
    await theatre.sightings.until(name, lambda now: now.deleting)


async def _be_deprovisioned(theatre: Theatre, name: str) -> None:
    """The watcher would ask for the first `Reconcile` because the status does not speak of a deletion
    yet, and for the second because the machine is gone."""
    seen = theatre.sightings
    await _reconcile(theatre, seen.latest[name].ref)
    await _tell(theatre, name, JobType.DEPROVISION)
    await seen.until(name, lambda now: name in seen.gone or _succeeded(now, JobType.DEPROVISION))
    if name not in seen.gone:
        await _reconcile(theatre, seen.latest[name].ref)
    await seen.until_gone(name)


ACTS = (_appear, _be_provisioned, _be_deleted, _be_deprovisioned)
TOLD = (_be_provisioned, _be_deprovisioned)
"""Those of them in which events are told."""


def _name(number: int) -> str:
    return f"vm-{number:05d}"


async def _figures(
    trial: Trial, theatre: Theatre, count: int, measured: Measured, before: dict[str, float]
) -> Figures:
    seen = theatre.sightings
    requests = await requests_of(AGENT, theatre.kube)
    events = len(seen.delays) + seen.unseen
    costs = [cost_of(theatre.stack.pids()[name]) for name in trial.names]
    told = await status_writes(theatre.stack, trial.names) if trial.writer == OURS else {}
    return {
        "writer": trial.title,
        "pace": trial.pace.name,
        "instances": count,
        "seconds": round(measured.seconds, 1),
        "events": events,
        "not_seen": seen.unseen,
        "events_per_second": round(events / measured.seconds, 1),
        "writes_per_second": round(measured.writes / measured.seconds, 1),
        "events_per_status_write": round(events / max(1, requests.status_writes), 2),
        "writes_per_life": round(requests.writes / count, 2),
        "reads_per_life": round(requests.reads / count, 2),
        "conflicts": requests.conflicts,
        "event_to_status_seconds": spread(seen.delays, digits=3),
        "cpu_seconds": round(sum(cost.cpu_seconds for cost in costs) - sum(before.values()), 2),
        "peak_memory_mb": max(cost.peak_memory_mb for cost in costs),
        "requests": dict(requests.answered),
        "status_writes_total": told,
    }


async def _tell(theatre: Theatre, name: str, type: JobType) -> None:
    instance = theatre.sightings.latest[name]
    for event in story(instance.ref, type, config_version(instance.spec), datetime.now(UTC)):
        await asyncio.sleep(theatre.pace.before.get(event.event, 0.0))
        theatre.sightings.say(event)
        await _publish(theatre.nats, event)


async def _publish(nats: Client, event: JobEvent) -> None:
    headers = event_headers(event, id=str(uuid4()), source="aap-poller")
    await nats.publish(job_subject(event), encode_event(event), headers=headers)


def _succeeded(instance: ComputeInstance, type: JobType) -> bool:
    number, state = NUMBERS[type], JobState.SUCCEEDED
    return any(job.number == number and job.state is state for job in instance.status.jobs)


async def _reconcile(theatre: Theatre, instance: InstanceRef) -> None:
    await theatre.bus.intents.publish(Addressee.STATUS, Reconcile(instance=instance))


async def _label(theatre: Theatre) -> int:
    """Label one instance after the other, over and over, until canceled; and say how many."""
    labeled = 0
    try:
        for turn in numbers():
            for name in list(theatre.sightings.latest.keys() - theatre.sightings.gone):
                try:
                    await theatre.instances.patch(name, {"metadata": {"labels": {"turn": str(turn)}}})
                except httpx.HTTPStatusError:
                    continue  # it is gone meanwhile
                labeled += 1
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        pass
    return labeled


async def _ended(labels: "asyncio.Task[int] | None") -> int:
    if labels is None:
        return 0
    labels.cancel()
    return await labels


@asynccontextmanager
async def _theatre(trial: Trial) -> AsyncIterator[Theatre]:
    async with AsyncExitStack() as contexts:
        directory = Path(contexts.enter_context(tempfile.TemporaryDirectory(prefix="cloudkit-bench-")))
        stack = await contexts.enter_async_context(start_stack(Plan(directory=directory, services=())))
        bus = await contexts.enter_async_context(
            connect(stack.nats.url, service="benchmark", clock=SystemClock(), health=Health())
        )
        stack = await _start_writers(trial, stack)
        nats = await contexts.enter_async_context(open_subscriber(stack.nats.url))
        instances = await contexts.enter_async_context(open_instances(stack.kubeconfig))
        kube = await contexts.enter_async_context(http_client(stack.kubeconfig))
        sightings = await contexts.enter_async_context(watching(instances))
        yield Theatre(stack, bus, nats, instances, kube, sightings, trial.pace)


async def _start_writers(trial: Trial, stack: Stack) -> Stack:
    """Start whoever writes, and wait until all are ready."""
    if trial.writer == NAIVE:
        await stack.supervisor.start(_naive(stack))
        return stack
    environment = {"CLOUDKIT_STATUS_GATHER": trial.gather} if trial.gather else {}
    plan = replace(stack.plan, services=(OURS,), replicas={OURS: trial.writers}, environment=environment)
    stack = replace(stack, plan=plan)
    await stack.supervisor.start(*service_commands(stack))
    return stack


def _naive(stack: Stack) -> Command:
    ready = stack.plan.directory / f"{NAIVE}.ready"
    program = (sys.executable, "-m", "benchmarks.one_put_per_event", stack.nats.url)
    return Command(
        name=NAIVE,
        arguments=(*program, "--ready-file", str(ready)),
        environment={"KUBECONFIG": str(stack.kubeconfig)},
        ready_file=ready,
    )
