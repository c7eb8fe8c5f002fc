"""Sending a webhook for each job, with the same claim as a launch in AAP.

::

    read ─► judge ─► may it be sent yet? ─► claim n ─► younger than 10 s? ─► POST ─► launched n, Unknown
              │              │                               │                 ├── not sent: delayed n
              ├── stale      └── delayed n                   └── no ─┐         └── answer lost ─┐
              └── busy                                               └──────────┬───────────────┘
                                                                 launched n, Unknown, WebhookUnanswered

A webhook can be neither looked up nor taken back. One that may have been received counts as sent: what
comes of it, or that nothing does in time, the resource shows.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import structlog
from msgspec.structs import replace

from cloudkit.contracts.errors import Conflict, Refused, Unanswered, Unreachable
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.intents import Deprovision, Provision, Reconcile
from cloudkit.contracts.jobs import JobRecord, JobType, Provider
from cloudkit.contracts.subjects import Addressee
from cloudkit.lifecycle.claims import Busy, Free, Stale, StopFirst, Verdict, judge
from cloudkit.lifecycle.evidence import sent, to_be_reported
from cloudkit.lifecycle.launches import JOB_LOG_NEW, may_have_jobs
from cloudkit.lifecycle.observe import delayed
from cloudkit.lifecycle.payload import missing_resource
from cloudkit.lifecycle.webhooks import interval_left, nothing_removed
from cloudkit.runtime import log_lines
from cloudkit.runtime.answers import DONE, Answer, Later
from cloudkit.runtime.log_lines import about, names
from cloudkit.runtime.ports import Clock, Intents, JobLog, Position
from cloudkit.runtime.stopwatches import Stopwatches
from eda_dispatcher import metrics
from eda_dispatcher.presence import Presence, Problem, reason_of
from eda_dispatcher.webhooks import Webhooks

log = structlog.get_logger(__name__)

INTENT_IS_GOOD_FOR = 300.0
"""In seconds: an older intent speaks of a resource that nobody can vouch for."""
CLAIM_IS_GOOD_FOR = 10.0
"""How old a claim may be, in seconds, when its webhook goes out: whoever was paused for longer cannot
know what was concluded meanwhile."""
LOG_IS_NEW_FOR = 300.0
"""How long, in seconds, jobs of a log that was lost may still turn up (in AAP)."""
BUSY_AGAIN_AFTER = 2.0
CONFLICT_AGAIN_AFTER = 0.1
DELAYED_AGAIN_AFTER = 20.0
REQUEST_INTERVAL = "RequestInterval"

Launchable = Provision | Deprovision


@dataclass(frozen=True, kw_only=True)
class Dispatching:
    """Brings webhooks on their way. Durations are in seconds."""

    log: JobLog
    intents: Intents
    clock: Clock
    webhooks: Webhooks
    presence: Presence
    request_interval: float
    cancel_grace: float
    eda_patience: float
    at_once: int
    canceled: Stopwatches[tuple[str, datetime]] = field(init=False)
    """Since when this process knows of each canceled job of AAP that a webhook waits for."""
    slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        watches = Stopwatches[tuple[str, datetime]](self.clock, forget_after=10 * self.cancel_grace + 60.0)
        object.__setattr__(self, "canceled", watches)
        object.__setattr__(self, "slots", asyncio.Semaphore(self.at_once))

    async def dispatch(self, intent: Launchable, *, asked_at: float) -> Answer:
        """Bring *intent*, published at *asked_at* (monotonic), one step forward.

        Raises what the bus raises.
        """
        try:
            async with self.slots:
                return await self._step(intent, asked_at)
        except Conflict as conflict:
            return Later(CONFLICT_AGAIN_AFTER, conflict.message)

    async def recover(self, claim: JobEvent) -> Answer:
        """Resolve *claim*, whose sender has died or was paused: its webhook may have been received."""
        at = await self.log.position(claim.instance)
        if at.of_uid != claim or claim.job.provider is not Provider.EDA:
            return DONE
        try:
            await self._launched(claim, at, answered=False)
        except Conflict as conflict:
            return Later(CONFLICT_AGAIN_AFTER, conflict.message)
        log.warning("a webhook was claimed, and perhaps sent", **about(claim.instance, claim.job))
        return DONE

    async def _step(self, intent: Launchable, asked_at: float) -> Answer:
        at = await self.log.position(intent.instance)
        match self._judged(intent, at):
            case Stale(because):
                return await self._give_back(intent, because)
            case Busy(because):
                return Later(BUSY_AGAIN_AFTER, because)
            case StopFirst(job):
                return Later(BUSY_AGAIN_AFTER, f"job {job.number} has to end first")
            case Free() as free:
                return await self._free(intent, free, at, asked_at)

    def _judged(self, intent: Launchable, at: Position) -> Verdict:
        patience = timedelta(seconds=self.eda_patience)
        now = self.clock.now()
        return judge(intent, at.of_uid, at.foreign, provider=Provider.EDA, now=now, eda_patience=patience)

    async def _free(self, intent: Launchable, free: Free, at: Position, asked_at: float) -> Answer:
        if self.clock.monotonic() - asked_at > INTENT_IS_GOOD_FOR:
            return await self._give_back(intent, "it has waited for too long")
        if left := self._grace_left(free.after_cancel):
            return Later(left, "the canceled playbook may still be stopping")
        if not _has_a_claim(at):
            epoch = await self.log.epoch()
            asked_ago = self.clock.monotonic() - asked_at
            if epoch.age < asked_ago:
                return await self._give_back(intent, "it was asked for before the job log was made")
            knew_jobs = may_have_jobs(
                intent, asked_ago=asked_ago, log_created=epoch.created, log_age=epoch.age
            )
            if knew_jobs and epoch.age < LOG_IS_NEW_FOR:
                text = f"The job log is new: for {LOG_IS_NEW_FOR:.0f} s, jobs of before may still turn up"
                return await self._delay(intent, free.record, at, Refused(text, reason=JOB_LOG_NEW))
        if isinstance(intent, Deprovision) and intent.nothing_to_remove:
            await self.log.append(nothing_removed(intent, free.record, self.clock.now()), at)
            return DONE
        if (problem := missing_resource(intent) or self.presence.trouble) is not None:
            return await self._delay(intent, free.record, at, problem)
        if (left := await self._interval_left(intent, free.record.type)) > 0:
            return await self._wait(intent, free.record, at, left)
        return await self._claim(intent, free.record, at)

    async def _claim(self, intent: Launchable, record: JobRecord, at: Position) -> Answer:
        """Claim the number of *record* and send its webhook, unless anything happened since *at*."""
        id = str(uuid4())
        awaits = to_be_reported(intent) if isinstance(intent, Provision) else ""
        record = replace(record, claimant=id, awaits=awaits)
        claim = JobEvent(event=JobEventName.CLAIMED, instance=intent.instance, job=record)
        started = self.clock.monotonic()
        at = await self.log.append(claim, at, id=id)
        if self.clock.monotonic() - started > CLAIM_IS_GOOD_FOR:
            return Later(BUSY_AGAIN_AFTER, "the claim is too old to send on")  # Its recovery resolves it.
        log.info(log_lines.TRIGGERING[record.type], **about(intent.instance, record))
        try:
            await self.webhooks.send(record.type, _payload(intent, awaits))
        except Unanswered as lost:
            metrics.WEBHOOKS.labels(record.type, "unanswered").inc()
            log.warning("nobody answered a webhook", error=lost.message, **about(intent.instance, record))
            await self._launched(claim, at, answered=False)
            return DONE
        except (Refused, Unreachable) as problem:
            metrics.WEBHOOKS.labels(record.type, "refused").inc()
            self.presence.away(problem)
            return await self._delay(intent, record, at, problem)
        metrics.WEBHOOKS.labels(record.type, "received").inc()
        self.presence.there()
        await self._launched(claim, at, answered=True)
        return DONE

    async def _launched(self, claim: JobEvent, at: Position, *, answered: bool) -> None:
        """Append that the webhook of *claim* was sent, unless that stands in the log."""
        while at.of_uid == claim:
            record = sent(claim.job, self.clock.now(), answered=answered)
            event = JobEvent(event=JobEventName.LAUNCHED, instance=claim.instance, job=record)
            try:
                await self.log.append(event, at)
            except Conflict:
                at = await self.log.position(claim.instance)
            else:
                log_lines.triggered(event)
                return

    async def _delay(
        self, intent: Launchable, record: JobRecord, at: Position, problem: Problem, again: float = 0.0
    ) -> Answer:
        """Say on the resource why no webhook is sent, unless the log says so already."""
        reason, last = reason_of(problem), at.of_uid
        told = (JobEventName.DELAYED, record.number, record.type, reason)
        if last is None or told != (last.event, last.job.number, last.job.type, last.job.reason):
            if last is not None and not record.claimant:
                record = replace(record, claimant=last.job.claimant)  # The log was not lost since that claim.
            event = delayed(intent.instance, record, reason, problem.message, self.clock.now())
            await self.log.append(event, at)
            fields = about(intent.instance, record)
            log.warning("no webhook can be sent", reason=reason, error=problem.message, **fields)
        return Later(again or DELAYED_AGAIN_AFTER, problem.message)

    async def _wait(self, intent: Launchable, record: JobRecord, at: Position, left: float) -> Answer:
        until = self.clock.now() + timedelta(seconds=left)
        text = (
            f"EDA is told of one instance once in {self.request_interval:.0f} s "
            f"(CLOUDKIT_MINIMUM_REQUEST_INTERVAL): the next webhook may go at {until:%H:%M:%S} UTC"
        )
        problem = Refused(text, reason=REQUEST_INTERVAL)
        return await self._delay(intent, record, at, problem, min(left, DELAYED_AGAIN_AFTER))

    async def _interval_left(self, intent: Launchable, type: JobType) -> float:
        """Seconds until the next webhook for *type* may go out. The log tells of the last, whoever sent it;
        of a lost log, the resource does."""
        history = [event.job for event in await self.log.history(intent.instance)]
        known = [*history, *([intent.newest] if intent.newest else [])]
        interval = timedelta(seconds=self.request_interval)
        return interval_left(known, type, self.clock.now(), interval).total_seconds()

    async def _give_back(self, intent: Launchable, because: str) -> Answer:
        """The intent is about a past: let the resource catch up, and the watcher decide again."""
        log.info("intent is stale", because=because, number=intent.number, **names(intent.instance))
        await self.intents.publish(Addressee.STATUS, Reconcile(instance=intent.instance))
        return DONE

    def _grace_left(self, canceled: JobRecord | None) -> float:
        if canceled is None or canceled.provider is Provider.EDA:
            return 0.0
        return max(0.0, self.cancel_grace - self.canceled.elapsed((canceled.job_id, canceled.timestamp)))


def _payload(intent: Launchable, awaits: str) -> dict[str, Any]:
    """The resource, with what its playbook shall report."""
    resource = intent.resource or {}
    if not awaits:
        return resource
    return {**resource, "status": {**resource.get("status", {}), "desiredConfigVersion": awaits}}


def _has_a_claim(at: Position) -> bool:
    """Whether this log has a claim of the instance: then it was not lost since."""
    return at.of_uid is not None and bool(at.of_uid.job.claimant)
