"""The job history of one instance: looking things up in it, and joining what is learned into it."""

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter

import msgspec

from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.jobs import JobRecord, JobState, JobType, Provider
from cloudkit.lifecycle.texts import shorten

_UNOBSERVED = "Ended unobserved"
BRIEF = 256
"""The longest message, in bytes, of a job that is not the newest of its type."""


def newest(jobs: Iterable[JobRecord], type: JobType | None = None) -> JobRecord | None:
    """The job with the highest number (of one *type*), or None."""
    return max((job for job in jobs if type in (None, job.type)), key=attrgetter("number"), default=None)


def newest_success(jobs: Iterable[JobRecord]) -> JobRecord | None:
    """The provision job that made the machine what it is, or None."""
    return newest((job for job in jobs if job.state is JobState.SUCCEEDED), JobType.PROVISION)


def active(jobs: Iterable[JobRecord]) -> JobRecord | None:
    """The job that may be running. A number is only taken once the one before is closed, so it is
    the newest or none."""
    job = newest(jobs)
    return None if job is None or job.closed else job


def genuine(known: Iterable[JobRecord], events: Iterable[JobEvent]) -> tuple[JobRecord, ...]:
    """*known* without what somebody wrote into it by hand: of a job whose beginning is among *events*, they
    tell everything up to their newest, and a record that none of them carries was never written by us."""
    told = tuple(events)
    begun = {event.job.number for event in told if _tells_of_a_beginning(event)}
    carried = {_essence(e.job) for e in told if e.job.number in begun and e.job.job_id}
    newest_told = {number: revision for number, revision, *_ in sorted(carried)}
    return tuple(
        job for job in known if job.revision > newest_told.get(job.number, -1) or _essence(job) in carried
    )


def _tells_of_a_beginning(event: JobEvent) -> bool:
    """A claim does; and what a new log took over from the resource itself, as it does jobs of EDA. What was
    found in AAP may have ended, on the resource, before the log was lost."""
    taken_over = event.event is JobEventName.ADOPTED and event.job.provider is Provider.EDA
    return taken_over or event.event is JobEventName.CLAIMED


def join(known: Iterable[JobRecord], learned: Iterable[JobRecord]) -> tuple[JobRecord, ...]:
    """Both histories in one, oldest first. In any order, and any number of times, the result is the
    same: of two records of one number the closed one wins, then the higher revision."""
    jobs = {job.number: job for job in known}
    for job in learned:
        shown = msgspec.structs.replace(job, claimant="", template="", launched_from=0, stray_id="")
        rival = jobs.setdefault(job.number, shown)
        if rival != shown and _precedence(shown) > _precedence(rival):
            jobs[job.number] = shown
    return _superseded(sorted(jobs.values(), key=attrgetter("number")))


def trim(jobs: tuple[JobRecord, ...], limit: int) -> tuple[JobRecord, ...]:
    """The newest *limit* jobs, and in any case the newest of each type and the one that made the
    machine what it is: what decides is never lost. The messages of the others are cut, so that a
    status stays small."""
    deciding = decisive(jobs)
    kept = deciding | {job.number for job in jobs[-limit:]}
    return tuple(job if job.number in deciding else _brief(job) for job in jobs if job.number in kept)


def decisive(jobs: tuple[JobRecord, ...]) -> set[int]:
    """The numbers of the jobs from which anything is concluded."""
    found = (*(newest(jobs, type) for type in JobType), newest_success(jobs))
    return {job.number for job in found if job is not None}


def ended_unobserved(jobs: tuple[JobRecord, ...], taken: int) -> tuple[JobRecord, ...]:
    """*jobs*, of which the newest has ended if a later number was *taken*, for its launch at least. That it
    looks open means that the log, or the status, has forgotten how."""
    if not jobs or jobs[-1].closed or jobs[-1].number >= taken:
        return jobs
    last = _unobserved(jobs[-1])
    return (*jobs[:-1], msgspec.structs.replace(last, finished_at=last.timestamp))


def is_unobserved(job: JobRecord) -> bool:
    """Whether all that is known of its end is that it has ended."""
    return (job.state, job.message) == (JobState.UNKNOWN, _UNOBSERVED)


def _unobserved(job: JobRecord) -> JobRecord:
    return msgspec.structs.replace(job, state=JobState.UNKNOWN, message=_UNOBSERVED)


def _essence(job: JobRecord) -> tuple[int, int, JobState, JobType, str]:
    return job.number, job.revision, job.state, job.type, job.job_id


def _precedence(job: JobRecord) -> tuple[bool, int, datetime, str, bytes]:
    # Whoever saw the end knows more than who did not.
    # The last one only makes the order total: no two records that the log holds need it.
    return (
        job.closed and job.state is not JobState.UNKNOWN,
        job.revision,
        job.timestamp,
        job.job_id,
        msgspec.json.encode(job),
    )


def _brief(job: JobRecord) -> JobRecord:
    message = shorten(job.message, BRIEF)
    return job if message == job.message else msgspec.structs.replace(job, message=message)


def _superseded(jobs: list[JobRecord]) -> tuple[JobRecord, ...]:
    """A later number was taken, so an older job that looks open has ended; nobody saw how."""
    return tuple(_unobserved(job) if not job.closed and job is not jobs[-1] else job for job in jobs)
