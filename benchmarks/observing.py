"""What a user's watch shows of instances, and what Kubernetes and the status-writer count themselves."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from prometheus_client.parser import text_string_to_metric_families

from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import PLURAL, ComputeInstance, InstanceRef
from sandbox.instances import Instances
from sandbox.stack import Stack

CHANGES = frozenset({"PUT", "PATCH"})
REFUSED = frozenset({"409", "422"})


@dataclass
class Sightings:
    """How each instance looked last, and how long it took until each event showed on it."""

    latest: dict[str, ComputeInstance] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    delays: list[float] = field(default_factory=list)
    """In seconds, of the events that have been seen."""
    last: float = 0.0
    """When an event was last seen, by the monotonic clock."""
    _said: dict[tuple[InstanceRef, int, int], float] = field(default_factory=dict)
    _waiting: dict[str, list[tuple[Callable[[], bool], asyncio.Event]]] = field(default_factory=dict)

    def say(self, event: JobEvent) -> None:
        """*event* is about to be published. A claim shows nothing, so nobody looks out for it."""
        if event.event is not JobEventName.CLAIMED:
            self._said[event.instance, event.job.number, event.job.revision] = time.monotonic()

    @property
    def unseen(self) -> int:
        """How many events have been said and do not show."""
        return len(self._said)

    def see(self, change: str, instance: ComputeInstance) -> None:
        """Take notice of one line of the watch."""
        name, now = instance.metadata.name, time.monotonic()
        self.latest[name] = instance
        if change == "DELETED":
            self.gone.add(name)
        for job in instance.status.jobs:
            for revision in range(job.revision, 0, -1):
                said = self._said.pop((instance.ref, job.number, revision), None)
                if said is not None:
                    self.delays.append(now - said)
                    self.last = now
        for fulfilled, event in self._waiting.get(name, ()):
            if fulfilled():
                event.set()

    async def until(self, name: str, fulfilled: Callable[[ComputeInstance], bool]) -> None:
        """Wait until the instance *name* was seen to be so."""
        await self._until(name, lambda: name in self.latest and fulfilled(self.latest[name]))

    async def until_gone(self, name: str) -> None:
        await self._until(name, lambda: name in self.gone)

    async def _until(self, name: str, fulfilled: Callable[[], bool]) -> None:
        if fulfilled():
            return
        waiting = self._waiting.setdefault(name, [])
        waiting.append((fulfilled, event := asyncio.Event()))
        await event.wait()
        waiting.remove((fulfilled, event))


@asynccontextmanager
async def watching(instances: Instances) -> AsyncIterator[Sightings]:
    """What a watch sees from now on."""
    sightings = Sightings()

    async def watch() -> None:
        async for change, instance in instances.events():
            sightings.see(change, instance)

    task = asyncio.create_task(watch())
    try:
        yield sightings
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@dataclass(frozen=True)
class Requests:
    """What Kubernetes was asked to do with instances, except by their users."""

    answered: Mapping[str, int]
    """By method, resource and status code: ``"PATCH computeinstances/status 200"``."""

    @property
    def writes(self) -> int:
        """Those that were carried out."""
        return self._sum(lambda method, code: method in CHANGES and code == "200")

    @property
    def conflicts(self) -> int:
        """Those that came too late: somebody else had changed the instance."""
        return self._sum(lambda method, code: method in CHANGES and code in REFUSED)

    @property
    def status_writes(self) -> int:
        return sum(self.answered.get(f"{method} {PLURAL}/status 200", 0) for method in CHANGES)

    @property
    def reads(self) -> int:
        return self._sum(lambda method, _: method == "GET")

    def _sum(self, counts: Callable[[str, str], bool]) -> int:
        kept = 0
        for words, count in self.answered.items():
            method, resource, code = words.split(" ")
            if resource.startswith(PLURAL) and counts(method, code):
                kept += count
        return kept


async def requests_of(agent: str, http: httpx.AsyncClient) -> Requests:
    """What *agent* has asked of the Kubernetes stand-in that *http* speaks to."""
    answer = await http.get("/emulator/requests")
    counts: dict[str, int] = answer.raise_for_status().json()
    mine: Counter[str] = Counter()
    for words, count in counts.items():
        who, _, what = words.partition(" ")
        if who == agent:
            mine[what] += count
    return Requests(mine)


async def status_writes(stack: Stack, writers: Iterable[str]) -> dict[str, int]:
    """`cloudkit_status_writes_total` of all *writers*: ``"adopt written"``, ``"status Conflict"``."""
    found: Counter[str] = Counter()
    async with httpx.AsyncClient(trust_env=False) as http:
        for writer in writers:
            answer = await http.get(f"{stack.http(stack.process(writer))}/metrics")
            for family in text_string_to_metric_families(answer.raise_for_status().text):
                for sample in family.samples:
                    if sample.name == "cloudkit_status_writes_total":
                        found[f"{sample.labels['write']} {sample.labels['result']}"] += int(sample.value)
    return dict(found)
