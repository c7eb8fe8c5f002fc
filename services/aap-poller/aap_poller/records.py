"""Writing what AAP says into the job log."""

from dataclasses import dataclass

import structlog

from aap_poller import metrics
from aap_poller.controller import Controller
from aap_poller.rows import JobKey, Row, applied_by
from cloudkit.contracts.errors import ProvisionerError
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import JobRecord, JobState, JobType
from cloudkit.lifecycle.observe import advance, observed, purged
from cloudkit.runtime.ports import Clock, JobLog, Position

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Records:
    """The job log, as what AAP says goes into it. Every append raises what `JobLog.append` raises."""

    log: JobLog
    aap: Controller
    clock: Clock

    async def observe(self, last: JobEvent, at: Position, row: Row) -> JobEvent:
        """Append what *row* adds to *last*, the newest event of its job, and return the newest then."""
        if advance(last, row.observation(), self.clock.now()) is None:
            return last
        details = await self._details(row)
        event = advance(last, row.observation(details), self.clock.now())
        if event is None:
            return last
        await self.log.append(event, at)
        _tell(event)
        return event

    async def adopt(self, instance: InstanceRef, record: JobRecord, at: Position, row: Row) -> None:
        """Append that *row* is the job of *record*, although nobody saw its launch succeed."""
        details = await self._details(row)
        job = observed(record, row.observation(details), self.clock.now())
        await self.log.append(JobEvent(event=JobEventName.ADOPTED, instance=instance, job=job), at)
        metrics.ADOPTIONS.inc()
        log.warning("adopted a job whose launch was not confirmed", **_fields(instance, job))

    async def launched(self, claim: JobEvent, at: Position, row: Row) -> None:
        """Append that the launch of *claim* was answered with *row*."""
        job = observed(claim.job, row.observation(), self.clock.now())
        await self.log.append(JobEvent(event=JobEventName.LAUNCHED, instance=claim.instance, job=job), at)
        log.info(f"{job.type} job triggered", **_fields(claim.instance, job))

    async def vanished(self, instance: InstanceRef, record: JobRecord, at: Position) -> JobEvent:
        """Append that the job is no longer in AAP."""
        event = purged(instance, record, self.clock.now())
        await self.log.append(event, at)
        log.warning(f"{record.type} job is no longer in AAP", **_fields(instance, record))
        return event

    async def recorded_id(self, key: JobKey, at: Position) -> str:
        """The AAP id that the log has for job *key*; empty if it has none."""
        last = at.of_uid
        if last is not None and last.job.number == key.number:
            return last.job.job_id
        history = await self.log.history(key.instance)
        ids = (event.job.job_id for event in reversed(history) if event.job.number == key.number)
        return next((id for id in ids if id), "")

    async def cancel_second_launch(self, key: JobKey, row: Row) -> None:
        """Stop *row*, which runs with the number of another job."""
        metrics.DUPLICATE_LAUNCHES.inc()
        log.error("canceling a second launch", **_names(key.instance), number=key.number, job_id=str(row.id))
        if row.active:
            await self.aap.cancel(row.type, str(row.id))

    async def _details(self, row: Row) -> str:
        if row.state is not JobState.FAILED:
            return ""
        try:
            return await self.aap.failure(row)
        except ProvisionerError as error:
            # That it failed matters more than why: the reason is a look at AAP away.
            log.warning("why the job failed could not be read", job_id=str(row.id), error=str(error))
            return f"see job {row.id} in AAP"


def found_in_aap(key: JobKey, type: JobType, row: Row) -> JobRecord:
    """The record that an adoption of *row* starts from when the log knows nothing of its number."""
    return JobRecord(
        type=type,
        state=row.state,
        timestamp=row.created,
        block_deletion_on_failure=True,
        number=key.number,
        config_version=applied_by(row) if type is JobType.PROVISION else "",
    )


def _tell(event: JobEvent) -> None:
    """The lines that operators search for, with the fields that tell which job they are about."""
    job, fields = event.job, _fields(event.instance, event.job)
    match job.state:
        case JobState.SUCCEEDED:
            log.info(f"{job.type} job succeeded", **fields)
        case JobState.FAILED:
            log.warning(f"{job.type} job failed: {job.message}", **fields)
        case JobState.CANCELED if job.type is JobType.PROVISION:
            log.info("canceled provision job", **fields)
        case _:
            log.info(f"{job.type} job still running", state=job.state, **fields)


def _fields(instance: InstanceRef, job: JobRecord) -> dict[str, object]:
    return {**_names(instance), "number": job.number, "job_id": job.job_id}


def _names(instance: InstanceRef) -> dict[str, object]:
    return {"instance": str(instance), "uid": instance.uid}
