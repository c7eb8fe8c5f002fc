"""Writing what AAP says into the job log."""

import asyncio
from dataclasses import dataclass, field

import structlog
from msgspec.structs import replace

from aap_poller import metrics
from aap_poller.aap_time import AapTime
from aap_poller.controller import Controller, cancel
from aap_poller.presence import Problem, reason_of
from aap_poller.rows import JobKey, OurJob, Row, found
from cloudkit.contracts.errors import ProvisionerError
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import JobRecord, JobState, Provider
from cloudkit.lifecycle.claims import PURGED, lacks
from cloudkit.lifecycle.observe import advance, delayed, observed, purged
from cloudkit.runtime import log_lines
from cloudkit.runtime.log_lines import about, names
from cloudkit.runtime.ports import Clock, JobLog, Position
from cloudkit.runtime.stopwatches import Stopwatches

log = structlog.get_logger(__name__)

EVENTS_LATE_BY = 3.0
"""AAP may call a job failed before it has read why, for seconds or for ever: so long (seconds) the reason
is waited for, and then asked for once more."""


@dataclass(frozen=True)
class Records:
    """The job log, as what AAP says goes into it. Every append raises what `JobLog.append` raises.

    ``details_within`` (seconds): the log was read before AAP is asked for details, and a read is good
    for ten.
    """

    log: JobLog
    aap: Controller
    clock: Clock
    details_within: float = 5.0
    aap_time: AapTime | None = None
    silent: Stopwatches[str] = field(init=False)
    """Since when each failed job (AAP's id) gives no reason."""

    def __post_init__(self) -> None:
        watches = Stopwatches[str](self.clock, forget_after=60.0)
        object.__setattr__(self, "silent", watches)

    async def update(
        self, instance: InstanceRef, record: JobRecord, at: Position, row: Row | None
    ) -> JobEvent:
        """Bring the log up with AAP about the job of *record*, which the log or the resource shows, and
        return the instance's newest event then.

        *row* is what AAP has under its id now, if anything. Nothing happens if the log has moved on.
        """
        last, job = at.of_uid, found(row, JobKey(instance, record.number))
        if last is None or lacks(last, record):
            return await (self.vanished(instance, record, at) if job is None else self.adopt(job, at, record))
        if last.closed or (last.job.number, last.job.job_id) != (record.number, record.job_id):
            return last
        return await (
            self.vanished(instance, last.job, at) if job is None else self.observe(last, at, job.row)
        )

    async def observe(self, last: JobEvent, at: Position, row: Row) -> JobEvent:
        """Append what *row* adds to *last*, the newest event of its job, and return the newest then.

        A failure whose reason AAP does not know yet is not appended before a later look: what closes a
        job is its last word.
        """
        if advance(last, row.observation(), self.clock.now()) is None or self._gives_reason_later(row):
            return last
        details = await self._details(row)
        if details is None:
            return last
        event = advance(last, row.observation(details), self.clock.now()) or last
        if event is not last:
            await self.log.append(event, at)
            log_lines.changed(event, details)
            _count(event)
            self._time(event)
        return event

    async def adopt(self, job: OurJob, at: Position, known: JobRecord | None) -> JobEvent:
        """Append that *job* runs, although nobody saw its launch succeed. *known* is what the log or the
        resource has of its number."""
        details = await self._details(job.row, final=True) or ""
        record = observed(_record_of(job, known), job.row.observation(details), self.clock.now())
        event = JobEvent(event=JobEventName.ADOPTED, instance=job.key.instance, job=record)
        await self.log.append(event, at)
        metrics.ADOPTIONS.inc()
        _count(event)
        log.warning("adopted a job whose launch was not confirmed", **about(event.instance, record))
        log_lines.changed(event, details)
        return event

    async def launched(self, claim: JobEvent, at: Position, row: Row) -> None:
        """Append that the launch of *claim* was answered with *row*."""
        job = observed(claim.job, row.observation(), self.clock.now())
        event = JobEvent(event=JobEventName.LAUNCHED, instance=claim.instance, job=job)
        await self.log.append(event, at)
        log_lines.triggered(event)

    async def delay(self, instance: InstanceRef, record: JobRecord, at: Position, problem: Problem) -> None:
        """Append that nothing runs for the number of *record*, and why, unless the log says so already."""
        reason, last = reason_of(problem), at.of_uid
        news = _delay(JobEventName.DELAYED, record, reason)
        if last is not None and news == _delay(last.event, last.job, last.job.reason):
            return
        if last is not None and not record.claimant:
            record = replace(record, claimant=last.job.claimant)
        await self.log.append(delayed(instance, record, reason, problem.message, self.clock.now()), at)
        log.warning(
            "nothing can be launched", reason=reason, error=problem.message, **about(instance, record)
        )

    async def vanished(self, instance: InstanceRef, record: JobRecord, at: Position) -> JobEvent:
        """Append that the job is no longer in AAP."""
        event = purged(instance, record, self.clock.now())
        await self.log.append(event, at)
        log_lines.changed(event)
        _count(event)
        return event

    async def recorded_id(self, key: JobKey, at: Position) -> str:
        """The AAP id that the log has for job *key*; empty if it has none."""
        last = at.of_uid
        if last is not None and last.job.number == key.number:
            return last.job.job_id
        history = await self.log.history(key.instance)
        ids = (event.job.job_id for event in reversed(history) if event.job.number == key.number)
        return next((id for id in ids if id), "")

    async def cancel_second_launch(self, job: OurJob) -> None:
        """Stop *job*, which runs with the number of another. Raises what `Controller` raises."""
        metrics.DUPLICATE_LAUNCHES.inc()
        log.error(
            "canceling a second launch", **names(job.key.instance), number=job.key.number, job_id=job.id
        )
        if job.row.active:
            await cancel(self.aap, job.row)

    def _time(self, event: JobEvent) -> None:
        """How long it took to see the end of a job, if AAP's clock is known."""
        ended = event.job.finished_at
        if ended is not None and self.aap_time is not None and (age := self.aap_time.age(ended)) is not None:
            metrics.END_SEEN_SECONDS.observe(age)

    def _gives_reason_later(self, row: Row) -> bool:
        id = str(row.id)
        return self.silent.running(id) and self.silent.elapsed(id) < EVENTS_LATE_BY

    async def _details(self, row: Row, *, final: bool = False) -> str | None:
        """Why the job failed. That it did matters more: the reason is a look at AAP away. None: AAP does
        not know yet, and may if it is asked later."""
        if row.state is not JobState.FAILED:
            return ""
        id = str(row.id)
        try:
            async with asyncio.timeout(self.details_within):
                details = await self.aap.failure(row)
        except (ProvisionerError, TimeoutError) as error:
            log.warning("why the job failed could not be read", job_id=id, error=repr(error))
            return f"see job {id} in AAP"
        if not details and not final and not self.silent.running(id):
            self.silent.elapsed(id)
            return None
        self.silent.stop(id)
        return details or f"see job {id} in AAP"


def _delay(event: JobEventName, record: JobRecord, reason: str) -> tuple[object, ...]:
    """What makes a delay another one; its words may differ each time."""
    return event, record.number, record.type, record.stray_id, reason


def _count(event: JobEvent) -> None:
    """Of several replicas only the one whose append stands gets here."""
    job = event.job
    if not job.closed:
        return
    outcome = "purged" if job.reason == PURGED else job.state.lower()
    metrics.JOBS.labels(job.type, outcome).inc()
    if job.started_at is not None and job.finished_at is not None and outcome != "purged":
        seconds = (job.finished_at - job.started_at).total_seconds()
        metrics.JOB_SECONDS.labels(job.type, outcome).observe(seconds)


def _record_of(job: OurJob, known: JobRecord | None) -> JobRecord:
    """The record that an adoption of *job* starts from.

    A number that was given up may have been claimed again for the other type: AAP knows what it runs.
    """
    told = (job.type, Provider.AAP)
    if known is not None and (job.key.number == 0 or told == (known.type, known.provider)):
        return known
    return JobRecord(
        type=job.type,
        state=job.row.state,
        timestamp=job.row.created,
        block_deletion_on_failure=True,
        number=job.key.number,
        revision=known.revision if known is not None else 0,
        provider=Provider.AAP,
        config_version=job.config_version,
        claimant=known.claimant if known is not None else "",
    )
