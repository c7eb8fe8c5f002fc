"""A small installation in memory: one log, one EDA, as many replicas of eda-dispatcher as a test needs."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from cloudkit.contracts.errors import ProvisionerError
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Confirm, Deprovision, Follow, Intent, Provision
from cloudkit.contracts.jobs import JobRecord, JobState, JobType, Provider
from cloudkit.contracts.subjects import Addressee
from cloudkit.lifecycle.evidence import eda_job_id
from cloudkit.runtime.answers import Answer, Received
from cloudkit.runtime.health import Health
from cloudkit.runtime.testing import ManualClock, MemoryIntents, MemoryJobLog
from eda_dispatcher.dispatching import Dispatching
from eda_dispatcher.handlers import Handlers
from eda_dispatcher.presence import Presence

VM = InstanceRef("lab", "vm", "uid-1")
REBORN = InstanceRef("lab", "vm", "uid-2")
LONG_AGO = timedelta(days=1)
INTERVAL = 600.0
PATIENCE = 900.0
ORPHANED_AFTER = 30.0
GRACE = 5.0


class MemoryEda:
    """Webhooks that were received. ``problems`` are raised by the next, one each, after ``meanwhile``."""

    def __init__(self) -> None:
        self.received: list[tuple[JobType, str]] = []
        self.versions: list[str] = []
        """What the playbook of each was asked to report."""
        self.problems: list[ProvisionerError] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def send(self, type: JobType, resource: Mapping[str, Any]) -> None:
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        if self.problems:
            raise self.problems.pop(0)
        self.received.append((type, resource["metadata"]["name"]))
        self.versions.append(resource.get("status", {}).get("desiredConfigVersion", ""))


class Replica:
    """One process of eda-dispatcher."""

    def __init__(self, world: "World") -> None:
        self.health = Health()
        self.dispatching = Dispatching(
            log=world.log,
            intents=world.intents,
            clock=world.clock,
            webhooks=world.eda,
            presence=Presence(self.health, world.clock),
            request_interval=INTERVAL,
            cancel_grace=GRACE,
            eda_patience=PATIENCE,
            at_once=10,
        )
        self.handlers = Handlers(
            world.log, world.intents, world.clock, self.dispatching, orphaned_after=ORPHANED_AFTER
        )

    async def hear(self, intent: Intent, *, age: float = 0.0) -> Answer:
        return await self.handlers.intent(Received(intent, 1, age, 1))

    async def recover(self, claim: JobEvent, *, age: float = 60.0) -> Answer:
        return await self.handlers.claim(Received(claim, 1, age, 1))


class World:
    """Everything that outlives a process."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = MemoryJobLog(self.clock, created=self.clock.now() - LONG_AGO)
        self.intents = MemoryIntents()
        self.eda = MemoryEda()

    def replica(self) -> Replica:
        return Replica(self)

    @property
    def story(self) -> list[str]:
        """The names of all events, oldest first."""
        return [event.event.value for event in self.log.events]

    @property
    def last(self) -> JobRecord:
        return self.log.events[-1].job

    @property
    def reconciles(self) -> int:
        return sum(to is Addressee.STATUS for to, _ in self.intents.published)

    def provision(self, number: int = 1, instance: InstanceRef = VM, **fields: Any) -> Provision:
        return Provision(
            instance=instance, number=number, config_version="v1", **self._usual(instance, fields)
        )

    def deprovision(self, number: int = 2, instance: InstanceRef = VM, **fields: Any) -> Deprovision:
        return Deprovision(instance=instance, number=number, **self._usual(instance, fields))

    def confirm(self, newest: JobRecord, outcome: JobState = JobState.SUCCEEDED) -> Confirm:
        return Confirm(
            instance=VM, born=self.clock.now(), number=newest.number, newest=newest, outcome=outcome
        )

    def follow(self, newest: JobRecord) -> Follow:
        return Follow(instance=VM, born=self.clock.now(), number=newest.number, newest=newest)

    def shown(self, number: int = 1, **fields: Any) -> JobRecord:
        """A job of EDA as the resource shows it."""
        usual: dict[str, Any] = {
            "type": JobType.PROVISION,
            "state": JobState.UNKNOWN,
            "timestamp": self.clock.now(),
            "provider": Provider.EDA,
            "job_id": eda_job_id(number),
            "revision": 2,
            "config_version": "v1",
        }
        return JobRecord(number=number, **{**usual, **fields})

    async def happen(self, event: JobEventName, job: JobRecord, instance: InstanceRef = VM) -> JobEvent:
        """Append to the log by hand."""
        said = JobEvent(event=event, instance=instance, job=job)
        await self.log.append(said, await self.log.position(instance))
        return said

    def _usual(self, instance: InstanceRef, fields: Mapping[str, Any]) -> dict[str, Any]:
        metadata = {"namespace": instance.namespace, "name": instance.name, "uid": instance.uid}
        return {
            "born": self.clock.now() - LONG_AGO,
            "attempt": 1,
            "resource": {"metadata": metadata},
            **fields,
        }
