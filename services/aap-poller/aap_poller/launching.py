"""Launching a job, once.

::

    read ─► judge ─► claim n ─► younger than 10 s? ─► POST ─► launched n
                                      │                ├── refused, not sent ─► delayed n
                                      └── no ─┐        └── answer lost ──┐
                                              └────────────┬─────────────┘
                                                  recovery looks in AAP

If the process dies between any two steps, the claim stands in the log and recovery resolves it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never
from uuid import uuid4

import structlog
from msgspec.structs import replace

from aap_poller import metrics
from aap_poller.controller import Controller, Template
from aap_poller.lost_log import LostLog
from aap_poller.records import Records
from aap_poller.recovery import Recovery
from aap_poller.rows import JobKey, Row
from aap_poller.stopping import Stopping
from aap_poller.templates import TEMPLATE_NOT_FOUND, Templates
from cloudkit.contracts.errors import Conflict, NotFound, Refused, Unanswered, Unreachable
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Deprovision, Provision, Reconcile
from cloudkit.contracts.jobs import JobRecord, JobType, Provider
from cloudkit.contracts.subjects import Addressee
from cloudkit.lifecycle.claims import Busy, Free, Stale, StopFirst, Verdict, judge
from cloudkit.lifecycle.observe import delayed
from cloudkit.runtime.answers import DONE, Answer, Later
from cloudkit.runtime.ports import Clock, Intents, JobLog, Position

log = structlog.get_logger(__name__)

CLAIM_IS_GOOD_FOR = 10.0
"""How old a claim may be, in seconds, when its POST goes out: whoever was paused for longer cannot know
what recovery has concluded meanwhile."""
BUSY_AGAIN_AFTER = 2.0
STOPPING_AGAIN_AFTER = 1.0
DELAYED_AGAIN_AFTER = 20.0

Launchable = Provision | Deprovision
Problem = Refused | Unreachable | Unanswered


@dataclass(frozen=True)
class Launching:
    """Carries out `Provision` and `Deprovision`. ``slots`` bounds the launches under way;
    ``cancel_grace`` (seconds) passes between a canceled job and the next."""

    log: JobLog
    intents: Intents
    aap: Controller
    clock: Clock
    records: Records
    templates: Templates
    names: Mapping[JobType, str]
    lost_log: LostLog
    stopping: Stopping
    recovery: Recovery
    slots: asyncio.Semaphore
    cancel_grace: float
    _canceled: dict[JobKey, float] = field(default_factory=dict)
    """When this process first saw each canceled job that a launch waits for."""

    async def launch(self, intent: Launchable) -> Answer:
        """Bring *intent* one step forward."""
        at, verdict = await self._judged(intent)
        match verdict:
            case Stale(because, stop):
                return await self._give_back(intent, because, stop, at)
            case Busy(because):
                return Later(BUSY_AGAIN_AFTER, because)
            case StopFirst(job):
                await self.stopping.stop(intent.instance, job, at)
                log.info("deprovisioning not ready, requeueing", **_fields(intent.instance, job))
                return Later(STOPPING_AGAIN_AFTER, f"job {job.number} has to end first")
            case Free():
                return await self._in_its_turn(intent)
        assert_never(verdict)

    async def _judged(self, intent: Launchable) -> tuple[Position, Verdict]:
        at = await self.log.position(intent.instance)
        return at, judge(intent, at.of_uid, at.foreign, provider=Provider.AAP, now=self.clock.now())

    async def _in_its_turn(self, intent: Launchable) -> Answer:
        """Wait for whatever can be waited for, then read again: the wait may have been long."""
        template = await self._template(intent)
        async with self.slots:
            at, verdict = await self._judged(intent)
            if not isinstance(verdict, Free):
                return Later(BUSY_AGAIN_AFTER, "something happened while it waited for its turn")
            return await self._free(intent, verdict.record, verdict.after_cancel, template, at)

    async def _template(self, intent: Launchable) -> Template | Problem:
        """What to launch, or why nothing can be: found out before a number is claimed."""
        try:
            return await self.templates.find(self.names[_type(intent)])
        except (Refused, Unreachable, Unanswered) as problem:
            return problem

    async def _give_back(
        self, intent: Launchable, because: str, stop: JobRecord | None, at: Position
    ) -> Answer:
        """The intent is about a past: let the resource catch up, and the watcher decide again."""
        if stop is not None:
            await self.stopping.stop(intent.instance, stop, at)
        log.info("intent is stale", because=because, instance=str(intent.instance), number=intent.number)
        await self.intents.publish(Addressee.STATUS, Reconcile(instance=intent.instance))
        return DONE

    async def _free(
        self,
        intent: Launchable,
        record: JobRecord,
        after_cancel: JobRecord | None,
        template: Template | Problem,
        at: Position,
    ) -> Answer:
        if not isinstance(template, Template):
            return await self._delay(intent, record, template, at)
        if left := self._grace_left(intent.instance, after_cancel):
            return Later(left, "the canceled playbook may still be stopping")
        if at.of_uid is None or not at.of_uid.job.claimant:
            epoch = await self.log.epoch()
            if await self.lost_log.adopt(epoch, at):
                return Later(STOPPING_AGAIN_AFTER, "a job was found in AAP that the log did not know")
            if left := await self.lost_log.wait(epoch, knew_jobs=intent.newest is not None):
                return Later(
                    min(left, DELAYED_AGAIN_AFTER), "the job log is new: launches may be on their way"
                )
        return await self._claim(intent, record, template, at)

    def _grace_left(self, instance: InstanceRef, canceled: JobRecord | None) -> float:
        """Seconds until the playbook of *canceled* is surely over, as far as this process can tell."""
        if canceled is None:
            return 0.0
        now = self.clock.monotonic()
        for key in [key for key, seen in self._canceled.items() if now - seen > 10 * self.cancel_grace]:
            del self._canceled[key]
        seen = self._canceled.setdefault(JobKey(instance, canceled.number), now)
        return max(0.0, self.cancel_grace - (now - seen))

    async def _claim(self, intent: Launchable, record: JobRecord, template: Template, at: Position) -> Answer:
        id = str(uuid4())
        record = replace(record, claimant=id, template=template.name)
        claim = JobEvent(event=JobEventName.CLAIMED, instance=intent.instance, job=record)
        started = self.clock.monotonic()
        try:
            at = await self.log.append(claim, at, id=id)
        except Conflict as conflict:
            return Later(0.1, conflict.message)
        if self.clock.monotonic() - started > CLAIM_IS_GOOD_FOR:
            # We were paused; whether the claim still stands, recovery finds out.
            return Later(BUSY_AGAIN_AFTER, "the claim is too old to launch on")
        log.info(_TRIGGERING[_type(intent)], **_fields(intent.instance, record))
        return await self._post(intent, claim, template, at)

    async def _post(self, intent: Launchable, claim: JobEvent, template: Template, at: Position) -> Answer:
        outcomes = metrics.LAUNCHES.labels
        try:
            row = await self.aap.launch(template, _extra_vars(intent))
        except Unanswered as lost:
            outcomes(claim.job.type, "unanswered").inc()
            log.warning("launch not confirmed", error=lost.message, **_fields(intent.instance, claim.job))
            await self.recovery.look(claim)
            return Later(BUSY_AGAIN_AFTER, "the launch is not confirmed")
        except (Refused, Unreachable) as problem:
            outcomes(claim.job.type, "refused").inc()
            if isinstance(problem, NotFound):
                self.templates.forget(template.name)
            return await self._delay(intent, claim.job, problem, at)
        outcomes(claim.job.type, "launched").inc()
        await self._record(claim, row, at)
        return DONE

    async def _record(self, claim: JobEvent, row: Row, at: Position) -> None:
        """Write down that the claim is launched, unless somebody has resolved it otherwise meanwhile."""
        while True:
            if at.of_uid is None:
                return  # The log was lost: a search of AAP finds the job, and its number, later.
            if at.of_uid != claim:
                key = JobKey(claim.instance, claim.job.number)
                if await self.records.recorded_id(key, at) != str(row.id):
                    await self.records.cancel_second_launch(key, row)
                return
            try:
                await self.records.launched(claim, at, row)
            except Conflict:
                at = await self.log.position(claim.instance)
            else:
                return

    async def _delay(self, intent: Launchable, record: JobRecord, problem: Problem, at: Position) -> Answer:
        """Say in the log, and so on the resource, why nothing runs for this number."""
        reason = _reason(problem)
        log.warning(
            "nothing can be launched", reason=reason, error=problem.message, instance=str(intent.instance)
        )
        last = at.of_uid
        if last is not None and not record.claimant:
            record = replace(record, claimant=last.job.claimant)
        event = delayed(intent.instance, record, reason, problem.message, self.clock.now())
        known = last is not None and last.event is JobEventName.DELAYED and last.job.reason == reason
        if not known:
            try:
                await self.log.append(event, at)
            except Conflict as conflict:
                return Later(BUSY_AGAIN_AFTER, conflict.message)
        return Later(DELAYED_AGAIN_AFTER, problem.message)


_TRIGGERING = {JobType.PROVISION: "triggering provisioning", JobType.DEPROVISION: "triggering deprovisioning"}


def _type(intent: Launchable) -> JobType:
    return JobType.PROVISION if isinstance(intent, Provision) else JobType.DEPROVISION


def _extra_vars(intent: Launchable) -> dict[str, Any]:
    """What the playbook gets: the resource, where playbooks of the EDA days look for it, and the key by
    which the job is found again."""
    return {
        "ansible_eda": {"event": {"payload": intent.resource}},
        "cloudkit_job": str(JobKey(intent.instance, intent.number)),
    }


def _reason(problem: Problem) -> str:
    match problem:
        case NotFound():
            return TEMPLATE_NOT_FOUND
        case Refused(reason=reason):
            return reason
        case _:
            return "ProviderUnreachable"


def _fields(instance: InstanceRef, job: JobRecord) -> dict[str, object]:
    return {"instance": str(instance), "uid": instance.uid, "number": job.number, "job_id": job.job_id}
