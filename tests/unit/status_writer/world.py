"""A status-writer in memory, with a log to read and a Kubernetes that can be made difficult."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from cloudkit.contracts.errors import ProvisionerError
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import FINALIZER, ComputeInstance, InstanceRef
from cloudkit.contracts.intents import Intent, Reconcile
from cloudkit.contracts.jobs import JobRecord, JobState, JobType
from cloudkit.lifecycle.config_version import config_version
from cloudkit.lifecycle.policy import Policy
from cloudkit.runtime.answers import Answer, Received
from cloudkit.runtime.testing import ManualClock, MemoryJobLog
from cloudkit.runtime.testing.kube import MemoryInstances
from cloudkit.runtime.testing.noticeboard import MemoryNoticeboard
from status_writer.announcing import Announcer
from status_writer.handlers import StatusWriter

GATHER = 0.15
STATE_OF = {
    JobEventName.LAUNCHED: JobState.PENDING,
    JobEventName.ADOPTED: JobState.PENDING,
    JobEventName.DELAYED: JobState.PENDING,
    JobEventName.CLAIMED: JobState.PENDING,
    JobEventName.ABANDONED: JobState.UNKNOWN,
}


class Kube(MemoryInstances):
    """Counts requests. ``before_write`` is called once, before the next write; ``failures`` are raised
    instead of the next writes, ``lost_answers`` after them."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.reads = 0
        self.writes: list[str] = []
        self.before_write: list[Callable[[], object]] = []
        self.failures: list[ProvisionerError] = []
        self.lost_answers: list[ProvisionerError] = []

    async def get(self, namespace: str, name: str) -> ComputeInstance | None:
        self.reads += 1
        return await super().get(namespace, name)

    async def patch_status(self, instance: ComputeInstance, status: dict[str, Any]) -> ComputeInstance:
        self._disturb()
        patched = await super().patch_status(instance, status)
        self._written("status")
        return patched

    async def set_finalizers(self, instance: ComputeInstance, finalizers: Sequence[str]) -> None:
        self._disturb()
        await super().set_finalizers(instance, finalizers)
        self._written("finalizers")

    def now(self, name: str = "vm") -> ComputeInstance:
        """The instance as it is, without a request."""
        return next(seen.instance for seen in self.all() if seen.instance.metadata.name == name)

    def names(self) -> list[str]:
        return [seen.instance.metadata.name for seen in self.all()]

    def _disturb(self) -> None:
        if self.before_write:
            self.before_write.pop(0)()
        if self.failures:
            raise self.failures.pop(0)

    def _written(self, what: str) -> None:
        self.writes.append(what)
        if self.lost_answers:
            raise self.lost_answers.pop(0)


class World:
    """Everything around a status-writer."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.kube = Kube(self.clock)
        self.log = MemoryJobLog(self.clock)
        self.board = MemoryNoticeboard(self.clock)
        self.writer = self.another_writer()
        self._revisions: dict[InstanceRef, int] = {}

    def another_writer(self) -> StatusWriter:
        return StatusWriter(
            instances=self.kube,
            jobs=self.log,
            announcer=Announcer(self.board),
            clock=self.clock,
            policy=Policy(),
            gather=GATHER,
        )

    def create(self, name: str = "vm", *, finalizers: Sequence[str] = (FINALIZER,)) -> ComputeInstance:
        return self.kube.create("ns", name, spec={"vcpu": 1}, finalizers=finalizers)

    async def happens(
        self,
        event: JobEventName,
        to: ComputeInstance,
        number: int = 1,
        type: JobType = JobType.PROVISION,
        **fields: Any,
    ) -> JobEvent:
        """Append an event about *to* to the log, and return it."""
        self._revisions[to.ref] = self._revisions.get(to.ref, 0) + 1
        state = STATE_OF.get(event) or JobState(event.value.capitalize())
        closed = state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED)
        launched = event not in (JobEventName.CLAIMED, JobEventName.DELAYED)
        record = JobRecord(
            type=type,
            state=state,
            timestamp=self.clock.now(),
            block_deletion_on_failure=True,
            number=number,
            revision=self._revisions[to.ref],
            job_id=str(4000 + number) if launched else "",
            config_version=config_version(to.spec),
            finished_at=self.clock.now() if closed else None,
            **fields,
        )
        said = JobEvent(event=event, instance=to.ref, job=record)
        await self.log.append(said, await self.log.position(to.ref))
        return said

    def record(self, event: JobEvent, *, by: StatusWriter | None = None) -> asyncio.Task[Answer]:
        """Deliver *event*."""
        received = Received(event, sequence=1, age=0.0, deliveries=1)
        return asyncio.create_task((by or self.writer).record(received))

    def reconcile(
        self, ref: InstanceRef, *, age: float = 0.0, by: StatusWriter | None = None
    ) -> asyncio.Task[Answer]:
        """Deliver a `Reconcile` of *ref*."""
        return self.ask(Reconcile(instance=ref), age=age, by=by)

    def ask(
        self, intent: Intent, *, age: float = 0.0, by: StatusWriter | None = None
    ) -> asyncio.Task[Answer]:
        received = Received(intent, sequence=1, age=age, deliveries=1)
        return asyncio.create_task((by or self.writer).reconcile(received))

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        await self.clock.advance(0)
        await self.clock.advance(0)

    async def gathered(self) -> None:
        """Let the time pass for which news is gathered."""
        await self.clock.advance(GATHER + 0.01)
        await self.settle()
