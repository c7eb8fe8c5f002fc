"""How fast instances become Ready, and what that costs. Prints JSON.

    python -m benchmarks.lifecycle                     every scenario: about four minutes on two cores
    python -m benchmarks.lifecycle --scenario one      one of them (several times for several)

Everything runs on this machine: the services as processes of their own, a real nats-server, and the
stand-ins for Kubernetes and AAP. Latencies are between times of this machine's one clock.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measuring import Cost, cost_of, spread
from cloudkit.contracts.instance import ComputeInstance, Phase
from sandbox.aap.audit import AuditEvent
from sandbox.aap.control import Control
from sandbox.instances import Instances, open_instances
from sandbox.stack import Plan, Stack, start_stack

CREATORS = 20
"""Users who create instances side by side."""
PATIENCE = 300.0
SETTLE = 1.0
SPEC: dict[str, Any] = {
    "vcpu": 2,
    "memory": 4096,
    "disk": 40,
    "templateParameters": json.dumps({"note": "x" * 2000}),
}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """*count* instances, *at_once* of them applied in a burst, whose playbooks take *job_seconds*, while AAP
    gets at most *requests* a second."""

    name: str
    count: int
    at_once: int
    job_seconds: float
    requests: int
    meaning: str

    def __str__(self) -> str:
        return f"{self.meaning}; at most {self.requests:,} requests to AAP a second"


SCENARIOS = (
    Scenario(name="one", count=20, at_once=1, job_seconds=0.5, requests=20, meaning="one instance at a time"),
    Scenario(
        name="hundred",
        count=100,
        at_once=100,
        job_seconds=0.0,
        requests=1000,
        meaning="a burst of 100, instant jobs",
    ),
    Scenario(
        name="storm",
        count=1000,
        at_once=1000,
        job_seconds=0.0,
        requests=1000,
        meaning="a burst of 1,000, instant jobs",
    ),
    Scenario(
        name="gentle",
        count=1000,
        at_once=1000,
        job_seconds=60.0,
        requests=20,
        meaning="a burst of 1,000, jobs of 60 s",
    ),
)


@dataclass
class Diary:
    """When each instance was applied, and first seen Ready, as seconds of the epoch."""

    applied: dict[str, float] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)


def main() -> None:
    scenarios = {scenario.name: scenario for scenario in SCENARIOS}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", action="append", choices=scenarios, help="default: all of them")
    parser.add_argument("--count", type=int, help="another number of instances")
    options = parser.parse_args()
    results = {}
    for name in options.scenario or scenarios:
        print(f"running {name}: {scenarios[name]}", file=sys.stderr)
        results[name] = asyncio.run(measure(scenarios[name], options.count or scenarios[name].count))
    print(json.dumps(results, indent=2))


async def measure(scenario: Scenario, count: int) -> dict[str, object]:
    """Run *scenario* with *count* instances on a stack of its own."""
    with tempfile.TemporaryDirectory(prefix="cloudkit-bench-") as directory:
        aap = ("--job-seconds", str(scenario.job_seconds), "--pending-seconds", "0", "--waiting-seconds", "0")
        gentle = {"CLOUDKIT_AAP_MAX_REQUESTS_PER_SECOND": str(scenario.requests)}
        plan = Plan(directory=Path(directory), aap_arguments=aap, environment=gentle)
        async with start_stack(plan) as stack, open_instances(stack.kubeconfig) as instances:
            return await _measure(scenario, count, stack, instances)


async def _measure(scenario: Scenario, count: int, stack: Stack, instances: Instances) -> dict[str, object]:
    names = [f"vm-{number:05d}" for number in range(count)]
    diary = Diary()
    async with Control(stack.aap.control) as aap, _watching(instances, diary):
        await asyncio.sleep(SETTLE)
        await aap.forget_requests()
        before, began = _usage(stack), time.time()
        for burst in _bursts(names, scenario.at_once):
            await _create(instances, burst, diary)
            await _all_ready(diary, burst)
        seconds = max(diary.ready.values()) - began
        requests = sum((await aap.requests()).values())
        launched, finished = await _audit(aap)
        violations = await aap.violations()
    return {
        "meaning": str(scenario),
        "instances": count,
        "instances_per_second_to_ready": round(count / seconds, 1),
        "apply_to_launch_ms": _spread(launched[name] - diary.applied[name] for name in names),
        "finished_to_ready_ms": _spread(diary.ready[name] - finished[name] for name in names),
        "aap_requests": requests,
        "aap_requests_per_job": round(requests / count, 2),
        "rules_broken": len(violations),
        "processes": {name: asdict(cost) for name, cost in _costs(stack, before)},
    }


async def _create(instances: Instances, names: Sequence[str], diary: Diary) -> None:
    waiting = iter(names)

    async def creator() -> None:
        for name in waiting:
            diary.applied[name] = time.time()
            await instances.create(name, name=name, **SPEC)

    await asyncio.gather(*(creator() for _ in range(min(CREATORS, len(names)))))


@asynccontextmanager
async def _watching(instances: Instances, diary: Diary) -> AsyncIterator[None]:
    """Write into *diary* when each instance is first seen Ready, as a user's watch tells it."""

    async def watch() -> None:
        async for instance in instances.changes():
            await _note(instance, diary)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _note(instance: ComputeInstance, diary: Diary) -> None:
    name = instance.metadata.name
    if instance.status.phase is Phase.READY and name not in diary.ready:
        async with diary.news:
            diary.ready[name] = time.time()
            diary.news.notify_all()


async def _all_ready(diary: Diary, names: Iterable[str]) -> None:
    missing = set(names)
    async with asyncio.timeout(PATIENCE), diary.news:
        await diary.news.wait_for(lambda: missing <= diary.ready.keys())


async def _audit(aap: Control) -> tuple[dict[str, float], dict[str, float]]:
    """When the job of each instance was launched, and when it ended, by AAP's own account."""
    launched, finished = {}, {}
    for entry in await aap.audit():
        if entry.event is AuditEvent.LAUNCH:
            launched[entry.name] = _epoch(entry.at)
        elif entry.event is AuditEvent.FINISH:
            finished[entry.name] = _epoch(entry.at)
    return launched, finished


def _usage(stack: Stack) -> dict[str, float]:
    return {name: cost_of(pid).cpu_seconds for name, pid in stack.pids().items()}


def _costs(stack: Stack, before: dict[str, float]) -> Iterator[tuple[str, Cost]]:
    for name, pid in stack.pids().items():
        now = cost_of(pid)
        yield name, Cost(round(now.cpu_seconds - before.get(name, 0.0), 2), now.peak_memory_mb)


def _spread(seconds: Iterable[float]) -> dict[str, float]:
    return spread(1000 * value for value in seconds)


def _bursts(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (names[start : start + size] for start in range(0, len(names), size))


def _epoch(moment: datetime) -> float:
    return moment.astimezone(UTC).timestamp()


if __name__ == "__main__":
    main()
