"""When EDA may be told of an instance again, and what is written down where it need not be told at all."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.intents import Deprovision
from cloudkit.contracts.jobs import JobRecord, JobState, JobType, Provider
from cloudkit.lifecycle.evidence import eda_job_id


def interval_left(known: Iterable[JobRecord], type: JobType, now: datetime, interval: timedelta) -> timedelta:
    """How long after *now* the next webhook for *type* may go out, *interval* after the last.

    *known* are records of the instance's jobs, of any moment of their lives: one that was made when a
    webhook was sent tells when that was.
    """
    sent_at = max((job.timestamp for job in known if _was_sent(job, type)), default=None)
    if sent_at is None:
        return timedelta(0)
    # Not "since then": a clock that was set back must not make us wait for ever.
    return max(timedelta(0), interval - abs(now - sent_at))


def nothing_removed(intent: Deprovision, record: JobRecord, now: datetime) -> JobEvent:
    """The cleanup of what no playbook has made: *record* has succeeded without a webhook."""
    job = replace(
        record,
        state=JobState.SUCCEEDED,
        job_id=eda_job_id(record.number),
        message="No playbook holds the resource: there is nothing to remove, and no webhook was sent",
        finished_at=now,
    )
    return JobEvent(event=JobEventName.SUCCEEDED, instance=intent.instance, job=job)


def _was_sent(job: JobRecord, type: JobType) -> bool:
    """Whether *job*, at this point of its life, has just had its webhook sent."""
    open_webhook = job.state is JobState.UNKNOWN and not job.closed
    return job.provider is Provider.EDA and job.type is type and bool(job.job_id) and open_webhook
