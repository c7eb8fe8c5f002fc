"""What a provider's answer about a job means for its record."""

from datetime import datetime

import msgspec
from msgspec.structs import replace

from cloudkit.contracts.events import STATE_EVENTS, JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import JobKind, JobRecord, JobState
from cloudkit.lifecycle.claims import PURGED, succeeding
from cloudkit.lifecycle.texts import job_message, shorten

CANCELED = "Canceled"


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """A job as its provider has it. ``details`` say why it failed, or what it waits for."""

    job_id: str
    kind: JobKind
    state: JobState
    started_at: datetime | None = None
    finished_at: datetime | None = None
    details: str = ""


def advance(last: JobEvent, seen: Observation, now: datetime) -> JobEvent | None:
    """The event that *seen* adds to *last*, the newest of this job; None if it is nothing new. A
    closed job never changes again."""
    if last.closed or (last.job.state is seen.state and last.job.job_id == seen.job_id):
        return None
    return JobEvent(event=STATE_EVENTS[seen.state], instance=last.instance, job=observed(last.job, seen, now))


def observed(record: JobRecord, seen: Observation, now: datetime) -> JobRecord:
    """The next revision of *record*, as *seen*."""
    return replace(
        succeeding(record, now),
        job_id=seen.job_id,
        kind=seen.kind,
        state=seen.state,
        reason=CANCELED if seen.state is JobState.CANCELED else "",
        message=job_message(record.type, seen.state, seen.details),
        started_at=seen.started_at,
        finished_at=seen.finished_at,
    )


def purged(instance: InstanceRef, record: JobRecord, now: datetime) -> JobEvent:
    """The job vanished from its provider while it was followed: it has ended, and nobody saw how."""
    text = f"Job {record.job_id} is no longer in AAP; how it ended is not known"
    job = replace(
        succeeding(record, now), state=JobState.FAILED, reason=PURGED, message=text, finished_at=now
    )
    return JobEvent(event=JobEventName.FAILED, instance=instance, job=job)


def delayed(instance: InstanceRef, record: JobRecord, reason: str, message: str, now: datetime) -> JobEvent:
    """Nothing runs for the number of *record*, and why."""
    job = replace(succeeding(record, now), reason=reason, message=shorten(message))
    return JobEvent(event=JobEventName.DELAYED, instance=instance, job=job)
