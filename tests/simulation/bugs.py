"""Bugs that somebody might make, one by one: a simulation that does not find them proves nothing.

Each spoils a port, or a part of a service as its assembly has made it; the product has no switch for any.
`tests/simulation/test_bugs.py` shows that each is found; to look for more seeds that find one:

    python -m simulation --bug no-recovery --seeds 100
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from aap_poller.assembly import Poller
from aap_poller.claiming import Claiming
from aap_poller.controller import Template
from aap_poller.handlers import Handlers
from aap_poller.launching import Launching
from aap_poller.lost_log import LostLog
from aap_poller.payload import Launchable, extra_vars
from aap_poller.stopping import Stopping
from cloudkit.contracts.errors import Conflict
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import ComputeInstance, InstanceRef
from cloudkit.contracts.intents import Follow, Intent
from cloudkit.contracts.jobs import JobRecord, JobState
from cloudkit.contracts.subjects import INTENTS, JOBS, Addressee
from cloudkit.lifecycle.observe import observed
from cloudkit.runtime.answers import DONE, Answer, Received
from cloudkit.runtime.ports import Clock, Instances, Intents, JobLog, Outstanding, Position
from simulation import bus
from watcher.handlers import Watcher


class Bug:
    """No bug at all. Each method is given something as it should be, and returns what is used."""

    environ: Mapping[str, str] = {}
    acknowledges_first = False

    def servers(self, nats: "bus.Server") -> None:
        """Spoil what outlives processes."""

    def jobs(self, log: JobLog, clock: Clock) -> JobLog:
        return log

    def intents(self, board: Intents) -> Intents:
        return board

    def instances(self, instances: Instances) -> Instances:
        return instances

    def watcher(self, watcher: Watcher) -> None:
        """Spoil a watcher that was just made."""

    def poller(self, poller: Poller) -> Poller:
        return poller


class _Log:
    """A job log that passes everything on."""

    def __init__(self, log: JobLog, clock: Clock) -> None:
        self.log = log
        self.clock = clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)


class _Board(_Log):
    """A board of intents that passes everything on."""

    def __init__(self, board: Intents) -> None:
        self.log: Any = board


def _launching(poller: Poller) -> Launching:
    """The part of *poller* that launches."""
    intents: Any = poller.subscriptions[0].handler
    handlers: Handlers = intents.__self__
    return handlers.launching


def _handled(subscription: Any, handler: Any) -> Any:
    """*subscription*, handled by another."""
    return replace(subscription, handler=handler)


class NoExpectation(Bug):
    """Appends are stored whatever was appended since the read."""

    def servers(self, nats: "bus.Server") -> None:
        nats.streams[JOBS].heeds_expectations = False


class DerivedClaimId(Bug):
    """A claim's message id is made of its number, and a duplicate taken for one's own success."""

    class _Derived(_Log):
        async def append(self, event: JobEvent, at: Position, *, id: str | None = None) -> Position:
            if event.event is not JobEventName.CLAIMED:
                return await self.log.append(event, at, id=id)
            derived = f"{event.instance.uid}/{event.job.number}"
            try:
                return await self.log.append(event, at, id=derived)
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

    class _Ageless(_Log):
        async def append(self, event: JobEvent, at: Position, *, id: str | None = None) -> Position:
            return await self.log.append(event, replace(at, read_at=self.clock.monotonic()), id=id)

    def jobs(self, log: JobLog, clock: Clock) -> JobLog:
        return self._Ageless(log, clock)


class NoClaimAge(Bug):
    """A launch goes out on a claim however old that is."""

    class _Stopped:
        def monotonic(self) -> float:
            return 0.0

    def poller(self, poller: Poller) -> Poller:
        object.__setattr__(_launching(poller).claiming, "clock", self._Stopped())
        return poller


class LaunchBeforeClaim(Bug):
    """The job is launched first and written down afterwards."""

    class _Eager(Claiming):
        async def claim(
            self, intent: Launchable, record: JobRecord, template: Template, at: Position
        ) -> Answer:
            row = await self.aap.launch(template, extra_vars(intent))
            record = observed(record, row.observation(), self.clock.now())
            await self.log.append(
                JobEvent(event=JobEventName.LAUNCHED, instance=intent.instance, job=record), at
            )
            return DONE

    def poller(self, poller: Poller) -> Poller:
        launching = _launching(poller)
        right = launching.claiming
        fields = (right.log, right.aap, right.clock, right.records, right.templates, right.recovery)
        object.__setattr__(launching, "claiming", self._Eager(*fields, right.presence))
        return poller


class NoRecovery(Bug):
    """Nobody looks for launches whose answer was lost."""

    def poller(self, poller: Poller) -> Poller:
        async def done(_: object) -> Answer:
            return DONE

        recovery: Any = _launching(poller).claiming.recovery
        recovery.look = done
        intents, claims, polls = poller.subscriptions
        return replace(poller, subscriptions=(intents, _handled(claims, done), polls))


class ImpatientRecovery(Bug):
    """A launch is given up before the latest moment at which it may appear."""

    environ: Mapping[str, str] = {"CLOUDKIT_AAP_LOST_ANSWER_TIMEOUT": "60s"}


class NoGrace(Bug):
    """The next job starts as soon as AAP calls the last one canceled."""

    environ: Mapping[str, str] = {"CLOUDKIT_AAP_CANCEL_GRACE": "0s"}


class CancelWithoutWaiting(Bug):
    """A job counts as canceled as soon as AAP was asked to cancel it."""

    class _Hasty(Stopping):
        async def stop(self, instance: InstanceRef, record: JobRecord) -> None:
            await super().stop(instance, record)
            at = await self._log.position(instance)
            if at.of_uid is None or at.of_uid.closed or not record.job_id:
                return
            job = at.of_uid.job
            ended = msgspec.structs.replace(job, state=JobState.CANCELED, revision=job.revision + 1)
            await self._log.append(JobEvent(event=JobEventName.CANCELED, instance=instance, job=ended), at)

    def poller(self, poller: Poller) -> Poller:
        launching = _launching(poller)
        right = launching.stopping
        hasty = self._Hasty(right._log, right._aap, right._records, launching.clock)
        object.__setattr__(launching, "stopping", hasty)
        return poller


class NobodyElsesJobs(Bug):
    """What runs for an earlier life of the name is not looked at."""

    class _Blinkered(_Log):
        async def position(self, instance: InstanceRef) -> Position:
            at = await self.log.position(instance)
            return replace(at, of_name=at.of_uid)

    def jobs(self, log: JobLog, clock: Clock) -> JobLog:
        return self._Blinkered(log, clock)


class LostLogIgnored(Bug):
    """An empty log is taken for that of an instance without jobs."""

    class _Careless(LostLog):
        async def look(self) -> None:
            """Not even that."""

        async def obstacle(self, at: Position, *, knew_jobs: bool) -> None:
            return None

    def poller(self, poller: Poller) -> Poller:
        right = _launching(poller).lost_log
        careless = self._Careless(right._log, right._aap, right._records, right._templates, 0.0)
        object.__setattr__(_launching(poller), "lost_log", careless)
        return poller


class NoFollow(Bug):
    """Nobody asks whether a job that the resource shows running is still followed."""

    class _Deaf(_Board):
        async def publish(self, addressee: Addressee, intent: Intent) -> None:
            if not isinstance(intent, Follow):
                await self.log.publish(addressee, intent)

    def intents(self, board: Intents) -> Intents:
        return self._Deaf(board)


class StaleIntentsObeyed(Bug):
    """Every intent stays until it is obeyed, whatever is asked later, and whoever is gone; at any age."""

    class _Indelible(_Board):
        async def withdraw(self, instance: InstanceRef) -> None:
            """Let it stand."""

        async def outstanding(self, namespace: str = "") -> Sequence[Outstanding]:
            return ()

    def servers(self, nats: "bus.Server") -> None:
        nats.streams[INTENTS].only_newest = False

    def intents(self, board: Intents) -> Intents:
        return self._Indelible(board)

    def poller(self, poller: Poller) -> Poller:
        intents, *others = poller.subscriptions
        right: Any = intents.handler

        async def obey(message: Received[Intent]) -> Answer:
            answer: Answer = await right(replace(message, age=0.0))
            return answer

        return replace(poller, subscriptions=(_handled(intents, obey), *others))


class AcknowledgedFirst(Bug):
    """A message is acknowledged before it is handled."""

    acknowledges_first = True


class NoRepeat(Bug):
    """A decision is made once, and never again until the resource changes."""

    def watcher(self, watcher: Watcher) -> None:
        wake = watcher.lanes.wake
        watcher.lanes.wake = lambda lane, after=0.0: wake(lane) if after <= 5 else None  # type: ignore[method-assign]  # spoiled on purpose


class BlindOverwrite(Bug):
    """Status and finalizers are written whatever has become of the resource since it was read."""

    class _Forcing:
        def __init__(self, instances: Instances) -> None:
            self.instances = instances

        async def get(self, namespace: str, name: str) -> ComputeInstance | None:
            return await self.instances.get(namespace, name)

        async def patch_status(self, instance: ComputeInstance, status: dict[str, Any]) -> ComputeInstance:
            return await self.instances.patch_status(await self._now(instance), status)

        async def set_finalizers(self, instance: ComputeInstance, finalizers: Sequence[str]) -> None:
            await self.instances.set_finalizers(await self._now(instance), finalizers)

        async def _now(self, instance: ComputeInstance) -> ComputeInstance:
            return await self.instances.get(*_place(instance)) or instance

    def instances(self, instances: Instances) -> Instances:
        return self._Forcing(instances)


def _place(instance: ComputeInstance) -> tuple[str, str]:
    return instance.metadata.namespace, instance.metadata.name


BUGS: dict[str, type[Bug]] = {
    "": Bug,
    "no-expectation": NoExpectation,
    "derived-claim-id": DerivedClaimId,
    "no-read-age": NoReadAge,
    "no-claim-age": NoClaimAge,
    "launch-before-claim": LaunchBeforeClaim,
    "no-recovery": NoRecovery,
    "impatient-recovery": ImpatientRecovery,
    "no-grace": NoGrace,
    "cancel-without-waiting": CancelWithoutWaiting,
    "nobody-elses-jobs": NobodyElsesJobs,
    "lost-log-ignored": LostLogIgnored,
    "no-follow": NoFollow,
    "stale-intents-obeyed": StaleIntentsObeyed,
    "acknowledged-first": AcknowledgedFirst,
    "no-repeat": NoRepeat,
    "blind-overwrite": BlindOverwrite,
}
