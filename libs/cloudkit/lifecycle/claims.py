"""Whether a provider may act on an intent, given how far the job log has come.

Two providers, two replicas and a doubled message may all ask this at once: the answer is only good
for an append that fails if anything was appended since the log was read.
"""

from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.intents import Deprovision, ProviderIntent, Provision
from cloudkit.contracts.jobs import JobRecord, JobState, JobType, Provider

PURGED = "JobPurged"
LAUNCH_TAKES = timedelta(seconds=15)
"""How old a claim may be whose launch is probably still on its way."""


class Free(msgspec.Struct, frozen=True):
    """The number may be claimed with ``record``. ``after_cancel`` is the canceled job that had the
    machine, or its name, before: AAP may say so a moment before its playbook has stopped."""

    record: JobRecord
    after_cancel: JobRecord | None = None


class StopFirst(msgspec.Struct, frozen=True):
    """This provision job must be canceled, and seen to have ended, before anything else."""

    job: JobRecord


class Busy(msgspec.Struct, frozen=True):
    """Another job has the machine, or its name: come back."""

    because: str


class Stale(msgspec.Struct, frozen=True):
    """The intent is about a past: the resource must catch up with the log. ``stop`` is a running
    provision job that may be canceled at once, since the instance is being deleted."""

    because: str
    stop: JobRecord | None = None


Verdict: TypeAlias = Free | StopFirst | Busy | Stale


def judge(
    intent: Provision | Deprovision,
    of_uid: JobEvent | None,
    foreign: JobEvent | None,
    *,
    provider: Provider,
    now: datetime,
    eda_patience: timedelta,
) -> Verdict:
    """Whether *provider* may claim the number that *intent* asks for.

    *of_uid* is the last event of the instance, *foreign* that of another uid of its name if it is
    newer: of an EDA job nobody hears any more once its resource is gone, so it is waited for as long as
    *eda_patience*. *now* dates the record of a claim.
    """
    if foreign is not None and not foreign.closed and not _is_past(foreign.job, now, eda_patience):
        return Busy(f"job {foreign.job.number} of an earlier {foreign.instance} is not closed")
    last = last_job(intent, of_uid)
    expected = next_number(intent, of_uid)
    if last is not None and not _is_closed(of_uid, last):
        stop = last if _may_be_stopped(intent, last) else None
        if intent.number == last.number and _is_under_way(of_uid, now):
            return Busy("its launch is under way")
        if intent.number != last.number + 1:
            return Stale(f"job {last.number} is {last.state.lower()}", stop)
        return StopFirst(stop) if stop else Busy(f"job {last.number} is {last.state.lower()}")
    # A higher number is no past: a log that was lost may have counted less than the resource shows.
    if intent.number < expected:
        return Stale(f"the next number is {expected}, not {intent.number}")
    if isinstance(intent, Provision) and _cleanup_began(intent, of_uid):
        return Stale("it is being deleted: nothing is provisioned any more")
    record = first_record(intent, of_uid, provider=provider, now=now)
    return Free(
        record, after_cancel=_perhaps_stopping(foreign.job if foreign else None) or _perhaps_stopping(last)
    )


def last_job(intent: ProviderIntent, of_uid: JobEvent | None) -> JobRecord | None:
    """The newest job known: the log's, or the resource's if the log has none, or has lost it (AAP may
    remember older jobs than the resource does; nobody would ever ask for their successors)."""
    if of_uid is None:
        return intent.newest
    shown = intent.newest
    return shown if shown is not None and lacks(of_uid, shown) else of_uid.job


def open_job(intent: ProviderIntent, of_uid: JobEvent | None) -> JobRecord | None:
    """The newest job known, unless it is closed."""
    last = last_job(intent, of_uid)
    return None if last is None or _is_closed(of_uid, last) else last


def lacks(of_uid: JobEvent | None, shown: JobRecord) -> bool:
    """Whether the log, whose last event is *of_uid*, was lost since it knew the job that the resource shows.

    A delay of the same number is no knowledge of it: whoever wrote it did not know that the number was
    taken, and nobody would ever ask for it again.
    """
    if of_uid is None:
        return True
    known = of_uid.job.number - 1 if of_uid.event is JobEventName.DELAYED else of_uid.job.number
    return of_uid.closed and known < shown.number


def next_number(intent: ProviderIntent, of_uid: JobEvent | None) -> int:
    """The number that the next job gets: a delayed one is free to be taken again."""
    last = last_job(intent, of_uid)
    if last is None:
        return 1
    return last.number if _is_delayed(of_uid, last) else last.number + 1


def first_record(
    intent: Provision | Deprovision, of_uid: JobEvent | None, *, provider: Provider, now: datetime
) -> JobRecord:
    """The record that a claim, or a delay without one, begins with."""
    again = of_uid is not None and of_uid.job.number == intent.number
    return JobRecord(
        type=JobType.PROVISION if isinstance(intent, Provision) else JobType.DEPROVISION,
        state=JobState.PENDING,
        timestamp=now,
        block_deletion_on_failure=provider is Provider.AAP,
        number=intent.number,
        revision=of_uid.job.revision + 1 if of_uid is not None and again else 1,
        attempt=intent.attempt,
        provider=provider,
        config_version=intent.config_version if isinstance(intent, Provision) else "",
        retry_requested_at=intent.retry_requested_at,
        restart_requested_at=intent.restart_requested_at if isinstance(intent, Provision) else None,
    )


def succeeding(record: JobRecord, now: datetime) -> JobRecord:
    """*record* with the next revision, stamped *now*."""
    return replace(record, revision=record.revision + 1, timestamp=now)


def _is_closed(of_uid: JobEvent | None, last: JobRecord) -> bool:
    return last.closed if of_uid is None or of_uid.job is not last else of_uid.closed


def _is_past(job: JobRecord, now: datetime, patience: timedelta) -> bool:
    return job.provider is Provider.EDA and bool(job.job_id) and abs(now - job.timestamp) >= patience


def _is_under_way(of_uid: JobEvent | None, now: datetime) -> bool:
    """Not "younger than": a claim of a clock that is ahead must not look young for ever."""
    if of_uid is None or of_uid.event is not JobEventName.CLAIMED:
        return False
    return abs(now - of_uid.job.timestamp) < LAUNCH_TAKES


def _is_delayed(of_uid: JobEvent | None, last: JobRecord) -> bool:
    return of_uid is not None and of_uid.job is last and of_uid.event is JobEventName.DELAYED


def _perhaps_stopping(job: JobRecord | None) -> JobRecord | None:
    """*job*, if it was canceled; or may have been, by the time that AAP forgot it."""
    if job is None or (job.state is not JobState.CANCELED and job.reason != PURGED):
        return None
    return job


def _cleanup_began(intent: ProviderIntent, of_uid: JobEvent | None) -> bool:
    known = (intent.newest, of_uid.job if of_uid is not None else None)
    return any(job is not None and job.type is JobType.DEPROVISION for job in known)


def _may_be_stopped(intent: Provision | Deprovision, last: JobRecord) -> bool:
    launched = bool(last.job_id) and last.provider is Provider.AAP
    return isinstance(intent, Deprovision) and last.type is JobType.PROVISION and launched
