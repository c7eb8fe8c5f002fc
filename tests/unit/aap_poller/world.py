"""A small installation in memory: one log, one AAP, as many replicas of aap-poller as a test needs."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aap_poller.claiming import Claiming
from aap_poller.controller import Controller
from aap_poller.following import Following
from aap_poller.handlers import Handlers
from aap_poller.launching import Launching
from aap_poller.limiter import Limiter
from aap_poller.lost_log import LostLog
from aap_poller.payload import Launchable
from aap_poller.presence import Presence
from aap_poller.records import Records
from aap_poller.recovery import Recovery
from aap_poller.rows import JobKey
from aap_poller.search import Search
from aap_poller.slots import Slots
from aap_poller.stopping import Stopping
from aap_poller.sweep import Sweep
from aap_poller.templates import Templates
from cloudkit.contracts.errors import Malformed, ProvisionerError
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Deprovision, Follow, Intent, Provision
from cloudkit.contracts.jobs import JobKind, JobRecord, JobState, JobType
from cloudkit.contracts.subjects import Addressee
from cloudkit.runtime.answers import Answer, Done, Later, Received
from cloudkit.runtime.health import Health
from cloudkit.runtime.ports import Clock, Intents, JobLog, LogEpoch, Position
from cloudkit.runtime.testing import ManualClock, MemoryIntents, MemoryJobLog
from unit.aap_poller.aap import CREATE, DELETE, MemoryAap

VM = InstanceRef("lab", "vm", "uid-1")
REBORN = InstanceRef("lab", "vm", "uid-2")
NAMES = {JobType.PROVISION: CREATE, JobType.DEPROVISION: DELETE}
LOST_ANSWER_TIMEOUT = 300.0
LONG_AGO = timedelta(days=1)
FOLLOWED = (JobEventName.LAUNCHED, JobEventName.ADOPTED)


def resource(instance: InstanceRef = VM, *, deleting: bool = False, version: str = "v1") -> dict[str, Any]:
    metadata = {"namespace": instance.namespace, "name": instance.name, "uid": instance.uid}
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": metadata, "spec": {"vcpu": 2}, "status": {"desiredConfigVersion": version}}


def variables(key: JobKey, *, deleting: bool = False, version: str = "v1") -> dict[str, Any]:
    """The extra_vars of job *key*."""
    payload = resource(key.instance, deleting=deleting, version=version)
    return {"cloudkit_job": str(key), "ansible_eda": {"event": {"payload": payload}}}


@dataclass
class Replica:
    """One process of aap-poller, as `aap_poller.__main__` wires it."""

    log: JobLog
    intents: Intents
    aap: Controller
    clock: ManualClock
    cancel_grace: float = 5.0
    concurrent_launches: int = 10
    requests_per_second: float = 0
    health: Health = field(default_factory=Health)

    def __post_init__(self) -> None:
        log, aap, clock = self.log, self.aap, self.clock
        self.presence = Presence(self.health, clock)
        self.limiter = Limiter(clock, self.requests_per_second)
        self.templates = Templates(aap, clock, NAMES)
        self.records = Records(log, aap, clock)
        self.stopping = Stopping(log, aap, self.records, clock)
        self.recovery = Recovery(
            log=log,
            intents=self.intents,
            clock=clock,
            records=self.records,
            templates=self.templates,
            search=Search(aap),
            lost_answer_timeout=LOST_ANSWER_TIMEOUT,
        )
        self.claiming = Claiming(log, aap, clock, self.records, self.templates, self.recovery, self.presence)
        self.launching = Launching(
            log=log,
            intents=self.intents,
            clock=clock,
            records=self.records,
            presence=self.presence,
            templates=self.templates,
            lost_log=LostLog(log, aap, self.records, self.templates, LOST_ANSWER_TIMEOUT),
            stopping=self.stopping,
            claiming=self.claiming,
            slots=Slots(self.concurrent_launches, self.limiter),
            cancel_grace=self.cancel_grace,
            eda_patience=900.0,
        )
        self.following = Following(log, self.intents, aap, self.records, self.stopping, 30.0)
        self.handlers = Handlers(self.intents, clock, self.launching, self.following)
        self.sweep = Sweep(log, aap, clock, self.records, self.templates, self.presence, self.health, 1.0)

    async def launch(self, intent: Launchable) -> Answer:
        return await self.launching.launch(intent, asked_at=self.clock.monotonic())

    async def hear(self, intent: Intent, *, age: float = 0.0) -> Answer:
        return await self.handlers.intent(Received(intent, 1, age, 1))

    async def recover(self, claim: JobEvent, *, age: float = 60.0) -> Answer:
        return await self.recovery.recover(Received(claim, 1, age, 1))

    async def poll(self, *events: JobEvent, age: float = 60.0) -> Sequence[Answer]:
        return await self.following.poll([Received(event, 1, age, 1) for event in events])


class TroubledLog(MemoryJobLog):
    """``before`` is awaited once, before an append, and ``after`` after it. The events of the instances
    in ``unreadable`` are no JSON. ``epoch_failures`` are raised by the next calls of that name."""

    def __init__(self, clock: Clock, *, created: datetime) -> None:
        super().__init__(clock, created=created)
        self.before: Callable[[], Awaitable[object]] | None = None
        self.after: Callable[[], None] = lambda: None
        self.unreadable: set[InstanceRef] = set()
        self.epoch_failures: list[ProvisionerError] = []

    async def position(self, instance: InstanceRef) -> Position:
        if instance in self.unreadable:
            raise Malformed("no JSON")
        return await super().position(instance)

    async def append(self, event: JobEvent, at: Position, *, id: str | None = None) -> Position:
        if self.before is not None:
            before, self.before = self.before, None
            await before()
        stands = await super().append(event, at, id=id)
        self.after()
        return stands

    async def epoch(self) -> LogEpoch:
        if self.epoch_failures:
            raise self.epoch_failures.pop(0)
        return await super().epoch()


class World:
    """Everything that outlives a process."""

    def __init__(self, *, superuser: bool = False) -> None:
        self.clock = ManualClock()
        self.log = TroubledLog(self.clock, created=self.clock.now() - LONG_AGO)
        self.intents = MemoryIntents()
        self.aap = MemoryAap(self.clock, superuser=superuser)

    def replica(self, **settings: Any) -> Replica:
        return Replica(self.log, self.intents, self.aap, self.clock, **settings)

    @property
    def story(self) -> list[str]:
        """The names of all events, oldest first."""
        return [event.event.value for event in self.log.events]

    @property
    def last(self) -> JobEvent:
        return self.log.events[-1]

    @property
    def reconciles(self) -> int:
        return sum(to is Addressee.STATUS for to, _ in self.intents.published)

    def provision(self, number: int = 1, instance: InstanceRef = VM, **fields: Any) -> Provision:
        usual = {"config_version": "v1", "attempt": 1, "resource": resource(instance), "born": self._born}
        return Provision(instance=instance, number=number, **{**usual, **fields})

    def deprovision(self, number: int = 2, instance: InstanceRef = VM, **fields: Any) -> Deprovision:
        usual = {"attempt": 1, "resource": resource(instance, deleting=True), "born": self._born}
        return Deprovision(instance=instance, number=number, **{**usual, **fields})

    def follow(self, newest: JobRecord, instance: InstanceRef = VM) -> Follow:
        return Follow(instance=instance, born=self._born, number=newest.number, newest=newest)

    @property
    def _born(self) -> datetime:
        return self.clock.now() - LONG_AGO

    def shown(self, number: int = 1, job_id: str = "", **fields: Any) -> JobRecord:
        """A job as the resource shows it."""
        usual: dict[str, Any] = {
            "type": JobType.PROVISION,
            "state": JobState.RUNNING,
            "timestamp": self.clock.now(),
            "block_deletion_on_failure": True,
            "revision": 3,
            "kind": JobKind.JOB,
            "config_version": "v1",
        }
        return JobRecord(number=number, job_id=job_id, **{**usual, **fields})

    async def happen(self, event: JobEventName, job: JobRecord, instance: InstanceRef = VM) -> JobEvent:
        """Append to the log by hand."""
        said = JobEvent(event=event, instance=instance, job=job)
        await self.log.append(said, await self.log.position(instance))
        return said


@dataclass
class Waiting:
    """A message of the log, and when it is due again."""

    event: JobEvent
    stored: float
    due: float


class Life:
    """Lets time pass for *replica*: it sweeps, polls, recovers, and hears *intent* until that is done,
    once a second, as delivery would have it."""

    def __init__(self, world: World, replica: Replica, intent: Intent | None = None) -> None:
        self._world = world
        self._replica = replica
        self._intent = intent
        self._intent_due = 0.0
        self._waiting: list[Waiting] = []
        self._read = 0

    async def go_on(self, seconds: int) -> None:
        for _ in range(seconds):
            await self._second()
            self._world.clock.pass_time(1)

    async def _second(self) -> None:
        now = self._world.clock.monotonic()
        if self._intent is not None and self._intent_due <= now:
            answer = await self._replica.hear(self._intent)
            self._intent_due = _due(answer, now)
            self._intent = None if isinstance(answer, Done) else self._intent
        await self._replica.sweep.once()
        await self._messages(now)

    async def _messages(self, now: float) -> None:
        events = self._world.log.events
        new = [e for e in events[self._read :] if e.event in (JobEventName.CLAIMED, *FOLLOWED)]
        self._waiting += [Waiting(event, now, now) for event in new]
        self._read = len(events)
        for message in [message for message in self._waiting if message.due <= now]:
            age = now - message.stored
            if message.event.event is JobEventName.CLAIMED:
                answer = await self._replica.recover(message.event, age=age)
            else:
                (answer,) = await self._replica.poll(message.event, age=age)
            message.due = _due(answer, now)
            if isinstance(answer, Done):
                self._waiting.remove(message)


def _due(answer: Answer, now: float) -> float:
    return now + answer.delay if isinstance(answer, Later) else now
