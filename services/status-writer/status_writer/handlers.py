"""From messages to writes: what waits for one instance is written together.

Each instance has a lane. A message becomes an errand in it and is answered when the errand is done, that
is, when what it says stands in Kubernetes; if the process dies before, it comes again. Any number of
messages may come twice, late or out of order, and two status-writers may run: the status is a join of
all that is known, and every write fails if the resource changed since it was read.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Intent, Reconcile
from cloudkit.lifecycle.policy import Policy
from cloudkit.runtime.answers import DONE, Answer, Never, Received
from cloudkit.runtime.lanes import Lane, Lanes
from cloudkit.runtime.ports import Clock, Instances, JobLog
from status_writer.announcing import Announcer
from status_writer.clerk import Clerk
from status_writer.errands import Errand

log = structlog.get_logger()

AT_ONCE = 32
"""Instances that are written to side by side."""
STALE_AFTER = 300.0
"""Seconds; whoever still wants what an older intent asks for has asked again meanwhile."""


@dataclass
class StatusWriter:
    """Handles `Reconcile` and job events, as long as it is `working`.

    News is gathered for *gather* seconds, the end of a job for none.
    """

    instances: Instances
    jobs: JobLog
    announcer: Announcer
    clock: Clock
    policy: Policy
    gather: float
    lanes: Lanes = field(init=False)
    _clerk: Clerk = field(init=False)
    _waiting: dict[Lane, list[Errand]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.lanes = Lanes(self._work, clock=self.clock, width=AT_ONCE)
        self._clerk = Clerk(self.instances, self.jobs, self.clock, self.policy, self.announcer)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Work as long as the block lasts. What was written at the end is still told."""
        async with self.announcer.working(), self.lanes.working():
            yield

    async def reconcile(self, received: Received[Intent]) -> Answer:
        """Bring the instance up to date with its log; adopt or release it."""
        if not isinstance(received.body, Reconcile):
            return Never(f"{type(received.body).__name__} is not for the status-writer")
        if received.age > STALE_AFTER:
            return DONE
        due = self.clock.monotonic() + self.gather
        return await self._do(Errand(ref=received.body.instance, due=due, looks=True))

    async def record(self, received: Received[JobEvent]) -> Answer:
        """Say on the resource what happened to a job."""
        event = received.body
        due = self.clock.monotonic() + (0 if event.job.closed else self.gather)
        return await self._do(Errand(ref=event.instance, events=(event,), due=due))

    async def _do(self, errand: Errand) -> Answer:
        lane = _lane(errand.ref)
        self._waiting.setdefault(lane, []).append(errand)
        self._wake(lane, [errand])
        await errand.done
        return DONE

    async def _work(self, lane: Lane) -> None:
        """Do what waits in *lane*. What goes wrong is told to the messages, which come again."""
        errands = self._waiting.pop(lane, [])
        try:
            kept = await self._clerk.do(lane, errands)
        except Exception as error:  # noqa: BLE001  # raised again where each message is handled
            for errand in errands:
                errand.fail(error)
            return
        for errand in errands:
            if errand not in kept:
                errand.finish()
        if kept:
            self._waiting.setdefault(lane, []).extend(kept)
            self._wake(lane, kept)

    def _wake(self, lane: Lane, errands: list[Errand]) -> None:
        looks = any(errand.looks for errand in errands)
        due = min(errand.due for errand in errands)
        self.lanes.wake(lane, after=0 if looks else due - self.clock.monotonic())


def _lane(ref: InstanceRef) -> Lane:
    return ref.namespace, ref.name
