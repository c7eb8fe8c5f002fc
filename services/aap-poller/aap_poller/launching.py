"""Carrying out `Provision` and `Deprovision`: whatever can wait or be refused comes before the claim.

::

    read ─► judge ─► template, lost log ─► a slot ─► read and judge again ─► claim and launch
              ├── stale ─► Reconcile                       └── AAP or template missing ─► delayed n
              ├── a provision job runs ─► cancel it, later
              └── busy ─► later
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from aap_poller import metrics
from aap_poller.claiming import Claiming
from aap_poller.controller import Template
from aap_poller.lost_log import LostLog
from aap_poller.payload import Launchable
from aap_poller.presence import Presence, Problem
from aap_poller.records import Records
from aap_poller.slots import Slots
from aap_poller.stopping import Stopping
from aap_poller.templates import Templates
from cloudkit.contracts.errors import Conflict, Refused, Unanswered, Unreachable
from cloudkit.contracts.intents import Provision, Reconcile
from cloudkit.contracts.jobs import JobRecord, JobType, Provider
from cloudkit.contracts.subjects import Addressee
from cloudkit.lifecycle.claims import Busy, Free, Stale, StopFirst, Verdict, judge
from cloudkit.lifecycle.launches import may_have_jobs
from cloudkit.lifecycle.payload import missing_resource
from cloudkit.runtime.answers import DONE, Answer, Later
from cloudkit.runtime.log_lines import names
from cloudkit.runtime.ports import Clock, Intents, JobLog, Position
from cloudkit.runtime.stopwatches import Stopwatches

log = structlog.get_logger(__name__)

INTENT_IS_GOOD_FOR = 300.0
"""In seconds: an older intent speaks of a resource that nobody can vouch for."""
BUSY_AGAIN_AFTER = 2.0
OBSTACLE_AGAIN_AFTER = 5.0
"""In seconds; no request to AAP is spent on finding out that nothing has changed."""
STOPPING_AGAIN_AFTER = 1.0
CONFLICT_AGAIN_AFTER = 0.1
DOUBT_AGAIN_AFTER = 1.0
"""In seconds: the next sweep tells."""


@dataclass(frozen=True, kw_only=True)
class Launching:
    """Brings launches forward. ``cancel_grace`` (seconds) passes between a canceled job and the next, at
    most ``eda_patience`` between a job of EDA in an earlier life of the name and the next."""

    log: JobLog
    intents: Intents
    clock: Clock
    records: Records
    presence: Presence
    templates: Templates
    lost_log: LostLog
    stopping: Stopping
    claiming: Claiming
    slots: Slots
    cancel_grace: float
    eda_patience: float
    canceled: Stopwatches[tuple[str, datetime]] = field(init=False)
    """Since when this process knows of each canceled job that a launch waits for: by AAP's id, which comes
    again when AAP is restored, and the time of its record."""

    def __post_init__(self) -> None:
        watches = Stopwatches[tuple[str, datetime]](self.clock, forget_after=10 * self.cancel_grace + 60.0)
        object.__setattr__(self, "canceled", watches)

    async def launch(self, intent: Launchable, *, asked_at: float) -> Answer:
        """Bring *intent*, published at *asked_at* (monotonic), one step forward.

        Raises what `Controller` and the bus raise.
        """
        try:
            return await self._step(intent, asked_at)
        except Conflict as conflict:
            return Later(CONFLICT_AGAIN_AFTER, conflict.message)

    async def _step(self, intent: Launchable, asked_at: float) -> Answer:
        at, verdict = await self._judged(intent)
        match verdict:
            case Stale(because, stop):
                return await self._give_back(intent, because, stop)
            case Busy(because):
                return Later(BUSY_AGAIN_AFTER, because)
            case StopFirst(job):
                await self.stopping.stop(intent.instance, job)
                return Later(STOPPING_AGAIN_AFTER, f"job {job.number} has to end first")
            case Free():
                return await self._in_its_turn(intent, at, asked_at)
        assert_never(verdict)

    async def _judged(self, intent: Launchable) -> tuple[Position, Verdict]:
        at = await self.log.position(intent.instance)
        patience, now = timedelta(seconds=self.eda_patience), self.clock.now()
        return at, judge(intent, at.of_uid, at.foreign, provider=Provider.AAP, now=now, eda_patience=patience)

    async def _give_back(self, intent: Launchable, because: str, stop: JobRecord | None) -> Answer:
        """The intent is about a past: let the resource catch up, and the watcher decide again."""
        log.info("intent is stale", because=because, number=intent.number, **names(intent.instance))
        await self.intents.publish(Addressee.STATUS, Reconcile(instance=intent.instance))
        if stop is not None:
            await self.stopping.stop(intent.instance, stop)
        return DONE

    async def _in_its_turn(self, intent: Launchable, at: Position, asked_at: float) -> Answer:
        """Wait for whatever can be waited for, then read again: the wait may have been long."""
        type = _type(intent)
        if self.slots.crowded(type):
            return Later(BUSY_AGAIN_AFTER, "many launches are under way")
        if self.presence.doubtful:
            return Later(DOUBT_AGAIN_AFTER, "a request to AAP failed, and none was answered since")
        with self.slots.queue(type):
            template = await self._template(intent, at)
            async with self.slots.turn(type):
                return await self._in_a_slot(intent, template, asked_at)

    async def _in_a_slot(self, intent: Launchable, template: Template | Problem, asked_at: float) -> Answer:
        template = self.presence.trouble or template  # AAP may have gone while it waited.
        at, verdict = await self._judged(intent)
        if self.clock.monotonic() - asked_at > INTENT_IS_GOOD_FOR:
            # Its turn came late, or we were paused; the instance may have gone or changed since.
            return await self._give_back(intent, "it has waited for too long", None)
        if not isinstance(verdict, Free):
            return Later(CONFLICT_AGAIN_AFTER, "something happened while it waited for its turn")
        if left := self._grace_left(verdict.after_cancel):
            # Before anything is appended: only the last event tells of the cancel.
            return Later(left, "the canceled playbook may still be stopping")
        if (stray := await self.claiming.stray(at)) is not None:
            return stray
        if not isinstance(template, Template):
            return await self._delay(intent, verdict, at, template)
        if not _has_a_claim(at) and (wait := await self._first_claim_waits(intent, verdict, at, asked_at)):
            return wait
        answer = await self.claiming.claim(intent, verdict.record, template, at)
        if answer == DONE:
            metrics.LAUNCH_SECONDS.labels(verdict.record.type).observe(self.clock.monotonic() - asked_at)
        return answer

    async def _first_claim_waits(
        self, intent: Launchable, verdict: Free, at: Position, asked_at: float
    ) -> Answer | None:
        """What keeps the instance's first claim in this log waiting, if anything does."""
        epoch = await self.log.epoch()
        asked_ago = self.clock.monotonic() - asked_at
        if epoch.age < asked_ago:
            # The log was lost since: the intent knows of nothing that happened in between, and if AAP has
            # forgotten it too, nothing else would tell. The watcher asks again.
            return await self._give_back(intent, "it was asked for before the job log was made", None)
        knew_jobs = may_have_jobs(intent, asked_ago=asked_ago, log_created=epoch.created, log_age=epoch.age)
        obstacle = await self.lost_log.obstacle(at, knew_jobs=knew_jobs)
        if isinstance(obstacle, Refused):
            return await self._delay(intent, verdict, at, obstacle)
        return obstacle

    async def _delay(self, intent: Launchable, verdict: Free, at: Position, problem: Problem) -> Answer:
        """Say on the resource why nothing is launched."""
        await self.records.delay(intent.instance, verdict.record, at, problem)
        return Later(max(OBSTACLE_AGAIN_AFTER, self.presence.pause_left), problem.message)

    async def _template(self, intent: Launchable, at: Position) -> Template | Problem:
        """What to launch, or why nothing can be: found out before a number is claimed."""
        if (nothing := missing_resource(intent)) is not None:
            return nothing
        if self.presence.trouble is not None:
            return self.presence.trouble
        try:
            template = await self.templates.find(_type(intent))
            if not _has_a_claim(at):
                await self.lost_log.look()
        except (Refused, Unreachable, Unanswered) as problem:
            if problem.system != "AAP":
                raise
            return problem
        return template

    def _grace_left(self, canceled: JobRecord | None) -> float:
        """Seconds until the playbook of *canceled* is surely over, as far as this process can tell."""
        if canceled is None:
            return 0.0
        return max(0.0, self.cancel_grace - self.canceled.elapsed((canceled.job_id, canceled.timestamp)))


def _has_a_claim(at: Position) -> bool:
    """Whether this log has a claim of the instance: then it was not lost since."""
    return at.of_uid is not None and bool(at.of_uid.job.claimant)


def _type(intent: Launchable) -> JobType:
    return JobType.PROVISION if isinstance(intent, Provision) else JobType.DEPROVISION
