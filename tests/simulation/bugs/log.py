"""Bugs about the job log: what an append relies on, and what a read tells."""

from dataclasses import replace

from cloudkit.contracts.errors import Conflict
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.subjects import JOBS
from cloudkit.runtime.ports import Clock, JobLog, Position
from simulation import bus
from simulation.bugs.bug import Bug, PassingLog


class NoExpectation(Bug):
    """Appends are stored whatever was appended since the read."""

    def servers(self, nats: "bus.Server") -> None:
        nats.streams[JOBS].heeds_expectations = False


class DerivedClaimId(Bug):
    """A claim's message id is made of its number, and a duplicate taken for one's own success."""

    class _Derived(PassingLog):
        async def append(self, event: JobEvent, at: Position, *, id: str | None = None) -> Position:
            if event.event is not JobEventName.CLAIMED:
                return await self.append_rightly(event, at, id)
            derived = f"{event.instance.uid}/{event.job.number}"
            try:
                return await self.append_rightly(event, at, derived)
            except Conflict as conflict:
                if "used before" not in conflict.message:
                    raise
                return replace(at, read_at=self.clock.monotonic(), of_name=event, of_uid=event)

    def servers(self, nats: "bus.Server") -> None:
        nats.streams[JOBS].looks_for_duplicates_first = True  # as a server does that has replicas

    def jobs(self, log: JobLog, clock: Clock) -> JobLog:
        return self._Derived(log, clock)


class NoReadAge(Bug):
    """An append relies on a read however old that is."""

    class _Ageless(PassingLog):
        async def append(self, event: JobEvent, at: Position, *, id: str | None = None) -> Position:
            return await self.append_rightly(event, replace(at, read_at=self.clock.monotonic()), id)

    def jobs(self, log: JobLog, clock: Clock) -> JobLog:
        return self._Ageless(log, clock)


class NobodyElsesJobs(Bug):
    """What runs for an earlier life of the name is not looked at."""

    class _Blinkered(PassingLog):
        async def position(self, instance: InstanceRef) -> Position:
            at = await self.position_read_rightly(instance)
            return replace(at, of_name=at.of_uid)

    def jobs(self, log: JobLog, clock: Clock) -> JobLog:
        return self._Blinkered(log, clock)


class OneLifeAName(Bug):
    """The last event of the name is taken for the instance's own, whichever life of the name it was of."""

    class _Confusing(PassingLog):
        async def position(self, instance: InstanceRef) -> Position:
            at = await self.position_read_rightly(instance)
            return replace(at, of_uid=at.of_name)

    def jobs(self, log: JobLog, clock: Clock) -> JobLog:
        return self._Confusing(log, clock)
