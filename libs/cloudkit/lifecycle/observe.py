"""What a provider's answer about a job means for its record."""

from datetime import datetime

import msgspec
from msgspec.structs import replace

from cloudkit.contracts.events import STATE_EVENTS, JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import TERMINAL_STATES, JobKind, JobRecord, JobState
from cloudkit.lifecycle.claims import PURGED, succeeding
from cloudkit.lifecycle.texts import job_message, shorten

CANCELED = "Canceled"
CANCEL_FORBIDDEN = "CancelForbidden"
"""The reason of a job that must end before its machine can go, and that we may not cancel."""
BEING_CANCELED = "being canceled"


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """A job as its provider has it. ``details`` say why it failed, or what it waits for;
    ``canceling``: it was told to stop, and has not yet."""

    job_id: str
    kind: JobKind
    state: JobState
    started_at: datetime | None = None
    finished_at: datetime | None = None
    details: str = ""
    canceling: bool = False

    @property
    def ended(self) -> bool:
        return self.state in TERMINAL_STATES


def advance(last: JobEvent, seen: Observation, now: datetime) -> JobEvent | None:
    """The event that *seen* adds to *last*, the newest of this job; None if it is nothing new. A
    closed job never changes again."""
    if last.closed:
        return None
    job = observed(last.job, seen, now)
    if last.job.reason == CANCEL_FORBIDDEN and not (seen.ended or seen.canceling):
        job = replace(job, reason=last.job.reason, message=last.job.message)  # Nobody has let us since.
    if _told(job) == _told(last.job):
        return None
    return JobEvent(event=STATE_EVENTS[seen.state], instance=last.instance, job=job)


def observed(record: JobRecord, seen: Observation, now: datetime) -> JobRecord:
    """The next revision of *record*, as *seen*."""
    details = BEING_CANCELED if seen.canceling and not seen.ended else seen.details
    return replace(
        succeeding(record, now),
        job_id=seen.job_id,
        kind=seen.kind,
        state=seen.state,
        reason=CANCELED if seen.state is JobState.CANCELED else "",
        message=job_message(record.type, seen.state, details),
        started_at=seen.started_at,
        finished_at=seen.finished_at,
    )


def cancel_forbidden(last: JobEvent, message: str, now: datetime) -> JobEvent | None:
    """The event that says that the job of *last* runs on because we may not cancel it; None if that is
    known, or the job is closed."""
    if last.closed or last.job.reason == CANCEL_FORBIDDEN:
        return None
    job = replace(succeeding(last.job, now), reason=CANCEL_FORBIDDEN, message=shorten(message))
    return JobEvent(event=STATE_EVENTS[job.state], instance=last.instance, job=job)


def cancel_accepted(last: JobEvent, now: datetime) -> JobEvent | None:
    """The event that takes `cancel_forbidden` back; None if nobody had said so."""
    if last.closed or last.job.reason != CANCEL_FORBIDDEN:
        return None
    message = job_message(last.job.type, last.job.state, BEING_CANCELED)
    job = replace(succeeding(last.job, now), reason="", message=message)
    return JobEvent(event=STATE_EVENTS[job.state], instance=last.instance, job=job)


def _told(job: JobRecord) -> tuple[JobState, str, str, str]:
    """What people see of a job; AAP's times alone are no news while it runs."""
    return job.state, job.job_id, job.reason, job.message


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
