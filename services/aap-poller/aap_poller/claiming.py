"""Launching a job, once.

::

    claim n ─► younger than 10 s? ─► POST ─► launched n
                    │                 ├── refused, not sent ─► delayed n
                    └── no ─┐         └── answer lost ──┐
                            └──────────────┬────────────┘
                                recovery looks in AAP

If the process dies between any two steps, the claim stands in the log and recovery resolves it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import structlog
from msgspec.structs import replace

from aap_poller import metrics, strays
from aap_poller.controller import Controller, Template
from aap_poller.payload import Launchable, Payload, extra_vars
from aap_poller.presence import Presence, Problem
from aap_poller.records import Records
from aap_poller.recovery import Recovery
from aap_poller.refusals import explained, is_about_template
from aap_poller.rows import JobKey, OurJob, Row
from aap_poller.templates import Templates, ignores_variables
from cloudkit.contracts.errors import (
    Conflict,
    Refused,
    Unanswered,
    Unauthorized,
    Unreachable,
)
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.jobs import JobRecord
from cloudkit.runtime import log_lines
from cloudkit.runtime.answers import DONE, Answer, Later
from cloudkit.runtime.log_lines import about
from cloudkit.runtime.ports import Clock, JobLog, Position

log = structlog.get_logger(__name__)

CLAIM_IS_GOOD_FOR = 10.0
"""How old a claim may be, in seconds, when its POST goes out: whoever was paused for longer cannot know
what recovery has concluded meanwhile."""
UNCONFIRMED_AGAIN_AFTER = 2.0
DELAYED_AGAIN_AFTER = 20.0


@dataclass(frozen=True)
class Claiming:
    """Takes a number, launches its job, and writes down what became of that."""

    log: JobLog
    aap: Controller
    clock: Clock
    records: Records
    templates: Templates
    recovery: Recovery
    presence: Presence
    payload: Payload = Payload.ANSIBLE_EDA

    async def claim(self, intent: Launchable, record: JobRecord, template: Template, at: Position) -> Answer:
        """Claim the number of *record* and launch *template*, unless anything happened since *at*.

        Raises `Conflict` if something did; whatever else is raised leaves the claim to recovery.
        """
        id = str(uuid4())
        record = replace(record, claimant=id, template=template.name, launched_from=template.id)
        claim = JobEvent(event=JobEventName.CLAIMED, instance=intent.instance, job=record)
        started = self.clock.monotonic()
        at = await self.log.append(claim, at, id=id)
        if self.clock.monotonic() - started > CLAIM_IS_GOOD_FOR:
            # We were paused; whether the claim still stands, recovery finds out.
            return Later(UNCONFIRMED_AGAIN_AFTER, "the claim is too old to launch on")
        log.info(log_lines.TRIGGERING[record.type], **about(intent.instance, record))
        return await self._post(intent, claim, template, at)

    async def stray(self, at: Position) -> Later | None:
        """What has to end before a number is claimed: see `aap_poller.strays`."""
        return await strays.obstacle(self.aap, at)

    async def _post(self, intent: Launchable, claim: JobEvent, template: Template, at: Position) -> Answer:
        variables = extra_vars(intent, self.payload)
        try:
            row = await self.aap.launch(template, variables)
        except Unanswered as lost:
            metrics.LAUNCHES.labels(claim.job.type, "unanswered").inc()
            log.warning("launch not confirmed", error=lost.message, **about(claim.instance, claim.job))
            await self.recovery.look(claim)
            return Later(UNCONFIRMED_AGAIN_AFTER, "the launch is not confirmed")
        except (Refused, Unreachable) as problem:
            metrics.LAUNCHES.labels(claim.job.type, "refused").inc()
            if isinstance(problem, Refused):
                problem = explained(problem, template, variables)
            self._learn(problem, template)
            return await self._delay(claim, at, problem)
        if row.ignored_fields.get("extra_vars"):
            metrics.LAUNCHES.labels(claim.job.type, "ignored").inc()
            return await self._stray(claim, at, row, template)
        metrics.LAUNCHES.labels(claim.job.type, "launched").inc()
        await self._launched(claim, row, at)
        return DONE

    def _learn(self, problem: Refused | Unreachable, template: Template) -> None:
        """Spare the next launches what this one had to find out."""
        if isinstance(problem, Unreachable | Unauthorized):
            self.presence.away(problem)
        if isinstance(problem, Refused) and is_about_template(problem):
            self.templates.forget(template)

    async def _stray(self, claim: JobEvent, at: Position, row: Row, template: Template) -> Answer:
        """AAP runs *row* without the resource: write down that it has to end, then stop it."""
        self.templates.forget(template)
        ignores = ignores_variables(template)
        text = f"{ignores.message}. Job {row.id} was launched without them, and is to be canceled"
        told = Refused(text, system="AAP", reason=ignores.reason)
        stray = replace(claim.job, stray_id=str(row.id))
        write = partial(self.records.delay, claim.instance, stray, problem=told)
        try:
            await self._while_it_stands(claim, at, write)
        finally:
            await strays.stop(self.aap, row)  # also if the bus went away
        return Later(strays.LOOK_AGAIN_AFTER, text)

    async def _launched(self, claim: JobEvent, row: Row, at: Position) -> None:
        newer = await self._while_it_stands(claim, at, lambda at: self.records.launched(claim, at, row))
        if newer is not None:
            await self._too_late(claim, row, newer)

    async def _delay(self, claim: JobEvent, at: Position, problem: Problem) -> Answer:
        await self._while_it_stands(
            claim, at, lambda at: self.records.delay(claim.instance, claim.job, at, problem)
        )
        return Later(max(DELAYED_AGAIN_AFTER, self.presence.pause_left), problem.message)

    async def _while_it_stands(
        self, claim: JobEvent, at: Position, write: Callable[[Position], Awaitable[None]]
    ) -> Position | None:
        """*write* what became of *claim*, unless somebody resolved it: then return where things stand."""
        while at.of_uid == claim:
            try:
                await write(at)
            except Conflict:
                at = await self.log.position(claim.instance)
            else:
                return None
        return at

    async def _too_late(self, claim: JobEvent, row: Row, at: Position) -> None:
        """Somebody else has resolved the claim, while *row* runs."""
        last, number = at.of_uid, claim.job.number
        if last is None or last.job.number < number:
            return  # The log was lost: a search of AAP finds the job, and its number, later.
        job = OurJob(JobKey(claim.instance, number), claim.job.type, claim.job.config_version, row)
        if last.job.number == number and last.event is JobEventName.DELAYED:
            await self.records.adopt(job, at, last.job)  # It was given up too early.
        elif await self.records.recorded_id(job.key, at) != job.id:
            await self.records.cancel_second_launch(job)
