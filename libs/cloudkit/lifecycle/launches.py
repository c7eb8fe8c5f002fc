"""The launch that has not become a job, as far as the log tells of it.

Like the history a join: the higher revision wins, whatever the order in which events come.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import Launch
from cloudkit.contracts.intents import ProviderIntent
from cloudkit.contracts.jobs import JobRecord, JobType
from cloudkit.lifecycle.history import newest
from cloudkit.lifecycle.texts import shorten

LAUNCH_UNCONFIRMED = "LaunchUnconfirmed"
DELAYED = "Delayed"
JOB_LOG_NEW = "JobLogNew"
"""The job log was lost, minutes ago: what was launched before may still turn up."""
BORN_WITHIN = timedelta(seconds=1)
"""Kubernetes counts the time of a creation in whole seconds."""
UNCONFIRMED_AFTER = timedelta(seconds=5)
"""A launch that goes well takes less, and is not worth a word."""


def latest_launch(
    known: Launch | None, events: Iterable[JobEvent], jobs: tuple[JobRecord, ...], now: datetime
) -> Launch | None:
    """The newest of what is *known* and what *events* tell; None once its job is in *jobs*."""
    told = [known, *(_told(event, now) for event in events)]
    latest = max((launch for launch in told if launch is not None), key=_progress, default=None)
    newest_job = newest(jobs)
    if latest is None or (newest_job is not None and newest_job.number >= latest.number):
        return None
    return latest


def may_have_jobs(intent: ProviderIntent, *, asked_ago: float, log_created: datetime, log_age: float) -> bool:
    """Whether a log from before this one may have known a job of the instance, or the launch of one that
    may still be on its way. *asked_ago* and *log_age* are in seconds, by the clock of NATS.

    The clocks of Kubernetes and NATS may differ, so ages are compared, each taken from one clock.
    """
    unresolved = intent.launch is not None and intent.launch.reason in (LAUNCH_UNCONFIRMED, JOB_LOG_NEW)
    age = timedelta(seconds=intent.age + asked_ago)
    older = age - BORN_WITHIN >= timedelta(seconds=log_age)
    if not intent.age:
        older = intent.born + BORN_WITHIN <= log_created
    return intent.newest is not None or unresolved or older


def blocks(launch: Launch, work: JobType) -> bool:
    """Whether *launch* is why there is no job for *work*: a claim keeps everything else waiting, a
    delay of the other type is past."""
    return launch.reason == LAUNCH_UNCONFIRMED or launch.type is work


def _told(event: JobEvent, now: datetime) -> Launch | None:
    job = event.job
    if event.event is JobEventName.DELAYED:
        return _launch(job, job.reason or DELAYED, shorten(job.message))
    # Not "older than": a clock that is behind must not hide it for ever.
    if event.event is JobEventName.CLAIMED and abs(now - job.timestamp) >= UNCONFIRMED_AFTER:
        text = f"The launch of {job.type} job {job.number} was sent and is not confirmed yet"
        return _launch(job, LAUNCH_UNCONFIRMED, text)
    return None


def _launch(job: JobRecord, reason: str, message: str) -> Launch:
    return Launch(number=job.number, revision=job.revision, type=job.type, reason=reason, message=message)


def _progress(launch: Launch) -> tuple[int, int, str, str, str]:
    return launch.number, launch.revision, launch.type, launch.reason, launch.message
