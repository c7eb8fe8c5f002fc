"""Whether a provider may act on an intent."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace

from cloudkit.contracts.events import CLOSING_EVENTS, STATE_EVENTS, JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Deprovision, Provision
from cloudkit.contracts.jobs import JobRecord, JobState, JobType, Provider
from cloudkit.lifecycle.claims import (
    Busy,
    Free,
    Stale,
    StopFirst,
    Verdict,
    first_record,
    judge,
    next_number,
    succeeding,
)
from unit.lifecycle.specimens import (
    A_WHILE_AGO,
    LONG_AGO,
    NOW,
    REF,
    A,
    claimed,
    delayed,
    deprovision,
    happened,
    provision,
    version,
)

RUNNING, FAILED, CANCELED = JobState.RUNNING, JobState.FAILED, JobState.CANCELED
UNKNOWN = JobState.UNKNOWN
PATIENCE = timedelta(minutes=15)
EARLIER = InstanceRef(REF.namespace, REF.name, "uid-0")

Launchable = Provision | Deprovision


def to_provision(number: int, newest: JobRecord | None = None, **fields: Any) -> Provision:
    usual = {"config_version": version(A), "attempt": 2, "resource": {}}
    return Provision(instance=REF, born=LONG_AGO, number=number, newest=newest, **{**usual, **fields})


def to_deprovision(number: int, newest: JobRecord | None = None) -> Deprovision:
    return Deprovision(instance=REF, born=LONG_AGO, number=number, newest=newest, attempt=1, resource={})


def verdict(intent: Launchable, of_uid: JobEvent | None, foreign: JobEvent | None = None) -> Verdict:
    return judge(intent, of_uid, foreign, provider=Provider.AAP, now=NOW, eda_patience=PATIENCE)


def in_words(verdict: Verdict) -> str:
    match verdict:
        case Free(record, after_cancel):
            return f"free {record.number}" + (
                f" after cancel of {after_cancel.number}" if after_cancel else ""
            )
        case StopFirst(job):
            return f"stop {job.number} first"
        case Busy():
            return "busy"
        case Stale(_, stop):
            return f"stale, stop {stop.number}" if stop else "stale"


CASES: dict[str, tuple[Launchable, JobEvent | None, JobEvent | None, str]] = {
    "a job of EDA in an earlier life of the name is waited for while its playbook may run": (
        to_provision(1),
        None,
        happened(provision(4, UNKNOWN, provider=Provider.EDA, timestamp=NOW - PATIENCE / 2), of=EARLIER),
        "busy",
    ),
    "nobody will ever hear of a job of EDA in an earlier life of the name": (
        to_provision(1),
        None,
        happened(provision(4, UNKNOWN, provider=Provider.EDA, timestamp=NOW - PATIENCE), of=EARLIER),
        "free 1",
    ),
    "the first job is free when nothing ever happened": (to_provision(1), None, None, "free 1"),
    "a first job with a higher number comes from a resource that knows more than a lost log": (
        to_provision(3),
        None,
        None,
        "free 3",
    ),
    "the next number is free once the last job is closed": (
        to_provision(2),
        happened(provision(1)),
        None,
        "free 2",
    ),
    "a number that was taken is never taken again": (to_provision(1), happened(provision(1)), None, "stale"),
    "a canceled job of an earlier life may still be stopping": (
        to_provision(1),
        None,
        happened(provision(4, CANCELED), of=EARLIER),
        "free 1 after cancel of 4",
    ),
    "a number that skips one comes from a resource that knows more than a lost log": (
        to_provision(3),
        happened(provision(1)),
        None,
        "free 3",
    ),
    "a claim that nobody resolved keeps its number": (to_provision(1), claimed(provision(1)), None, "stale"),
    "a launch that is under way is waited for": (
        to_provision(1),
        claimed(provision(1), timestamp=NOW - timedelta(seconds=14)),
        None,
        "busy",
    ),
    "a cleanup waits for a launch under way of the same number": (
        to_deprovision(1),
        claimed(provision(1), timestamp=NOW),
        None,
        "busy",
    ),
    "a claim of a clock that is far ahead is not taken for a young one": (
        to_provision(1),
        claimed(provision(1), timestamp=NOW + timedelta(minutes=5)),
        None,
        "stale",
    ),
    "a claim that nobody resolved keeps the next number waiting": (
        to_provision(2),
        claimed(provision(1)),
        None,
        "busy",
    ),
    "a delayed number is taken again": (to_provision(2), delayed(provision(2)), None, "free 2"),
    "a number delayed for a provision is taken by the cleanup": (
        to_deprovision(2),
        delayed(provision(2)),
        None,
        "free 2",
    ),
    "the number after a delayed one is free, too: numbers need not be without gaps": (
        to_provision(3),
        delayed(provision(2)),
        None,
        "free 3",
    ),
    "a running job keeps the next one waiting": (
        to_provision(2),
        happened(provision(1, RUNNING)),
        None,
        "busy",
    ),
    "a running cleanup keeps the next one waiting": (
        to_deprovision(2),
        happened(deprovision(1, RUNNING)),
        None,
        "busy",
    ),
    "a cleanup stops the running provision job first": (
        to_deprovision(2),
        happened(provision(1, RUNNING)),
        None,
        "stop 1 first",
    ),
    "a cleanup waits for a claim whose job nobody can name yet": (
        to_deprovision(2),
        claimed(provision(1)),
        None,
        "busy",
    ),
    "a cleanup cannot stop a job of the other provider": (
        to_deprovision(2),
        happened(provision(1, RUNNING, provider=Provider.EDA)),
        None,
        "busy",
    ),
    "a stale cleanup may still stop the provision job that runs": (
        to_deprovision(5),
        happened(provision(1, RUNNING)),
        None,
        "stale, stop 1",
    ),
    "a stale provision stops nothing": (to_provision(5), happened(provision(1, RUNNING)), None, "stale"),
    "a job that succeeded between the check and the cancel needs no cancel": (
        to_deprovision(2),
        happened(provision(1)),
        None,
        "free 2",
    ),
    "a cleanup after a cancel is told which playbook may still be stopping": (
        to_deprovision(2),
        happened(provision(1, CANCELED)),
        None,
        "free 2 after cancel of 1",
    ),
    "a playbook may still be stopping whose job AAP forgot": (
        to_deprovision(2),
        happened(provision(1, FAILED, reason="JobPurged")),
        None,
        "free 2 after cancel of 1",
    ),
    "nothing is provisioned after a cleanup has begun": (
        to_provision(2),
        happened(deprovision(1, FAILED)),
        None,
        "stale",
    ),
    "nothing is provisioned after a cleanup was only delayed": (
        to_provision(1),
        delayed(deprovision(1)),
        None,
        "stale",
    ),
    "a failed cleanup is followed by another": (
        to_deprovision(2),
        happened(deprovision(1, FAILED)),
        None,
        "free 2",
    ),
    "a running job of an earlier life keeps the name": (
        to_provision(1),
        None,
        happened(deprovision(4, RUNNING), of=EARLIER),
        "busy",
    ),
    "an unresolved claim of an earlier life keeps the name": (
        to_provision(1),
        None,
        replace(claimed(provision(4)), instance=EARLIER),
        "busy",
    ),
    "a closed job of an earlier life is over": (
        to_provision(1),
        None,
        happened(deprovision(4), of=EARLIER),
        "free 1",
    ),
    "a delayed job of an earlier life is over": (
        to_provision(1),
        None,
        replace(delayed(provision(4)), instance=EARLIER),
        "free 1",
    ),
    "without a log, what the resource shows is what happened": (
        to_provision(4, provision(3)),
        None,
        None,
        "free 4",
    ),
    "without a log, a job that the resource shows running runs": (
        to_provision(4, provision(3, RUNNING)),
        None,
        None,
        "busy",
    ),
    "without a log, a cleanup stops the job that the resource shows running": (
        to_deprovision(4, provision(3, RUNNING)),
        None,
        None,
        "stop 3 first",
    ),
    "the log knows better than an older status": (
        to_provision(4, provision(3)),
        happened(provision(5)),
        None,
        "stale",
    ),
    "a number that was delayed in a new log, while the resource shows its job, was taken": (
        to_deprovision(2, provision(1)),
        delayed(provision(1)),
        None,
        "free 2",
    ),
    "a job that the resource shows running runs, although a new log has delayed its number": (
        to_deprovision(2, provision(1, RUNNING, job_id="7")),
        delayed(provision(1)),
        None,
        "stop 1 first",
    ),
    "the status knows better than a log that lost the newest jobs": (
        to_deprovision(4, provision(3)),
        happened(provision(1), JobEventName.ADOPTED),
        None,
        "free 4",
    ),
    "a log that lost the newest jobs still says what runs": (
        to_provision(4, provision(3)),
        claimed(provision(1)),
        None,
        "stale",
    ),
    "a delayed number in a log that lost the newest jobs is not taken again": (
        to_provision(2, provision(3)),
        delayed(provision(2)),
        None,
        "stale",
    ),
    "an abandoned job is over": (
        to_deprovision(2),
        happened(provision(1, JobState.UNKNOWN), JobEventName.ABANDONED),
        None,
        "free 2",
    ),
}


@pytest.mark.parametrize(("intent", "of_uid", "foreign", "expected"), CASES.values(), ids=CASES)
def test_the_verdict(
    intent: Launchable, of_uid: JobEvent | None, foreign: JobEvent | None, expected: str
) -> None:
    assert in_words(verdict(intent, of_uid, foreign)) == expected


def events(of: InstanceRef, job_id: str) -> Iterator[JobEvent]:
    for make, number, state, provider in product((provision, deprovision), (1, 2, 3), JobState, Provider):
        job = make(number, state, provider=provider, job_id=job_id)
        yield happened(job, STATE_EVENTS[state], of)
    for make, number, name in product(
        (provision, deprovision), (1, 2, 3), (JobEventName.CLAIMED, *CLOSING_EVENTS)
    ):
        closed_by_name = name in (JobEventName.CLAIMED, JobEventName.DELAYED, JobEventName.ABANDONED)
        state = JobState.PENDING if closed_by_name else JobState(name.capitalize())
        yield happened(make(number, state, job_id="" if closed_by_name else job_id), name, of)


def situations() -> Iterator[tuple[Launchable, JobEvent | None, JobEvent | None]]:
    of_uid: list[JobEvent | None] = [None, *events(REF, "77")]
    foreign: list[JobEvent | None] = [
        None,
        happened(provision(1, RUNNING), of=EARLIER),
        happened(deprovision(1), of=EARLIER),
    ]
    newest: list[JobRecord | None] = [None, provision(2), provision(2, RUNNING), deprovision(2, FAILED)]
    for number, shown, last, other in product((1, 2, 3, 4), newest, of_uid, foreign):
        yield to_provision(number, shown), last, other
        yield to_deprovision(number, shown), last, other


def test_every_verdict_is_safe() -> None:
    for intent, of_uid, foreign in situations():
        found = verdict(intent, of_uid, foreign)
        open_job = of_uid is not None and not of_uid.closed
        match found:
            case Free(record, after_cancel):
                assert not open_job
                assert foreign is None or foreign.closed
                assert record.number == intent.number
                assert record.type is (
                    JobType.PROVISION if isinstance(intent, Provision) else JobType.DEPROVISION
                )
                if of_uid is not None:
                    again = of_uid.event is JobEventName.DELAYED
                    assert record.number > of_uid.job.number or (again and record.number == of_uid.job.number)
                    assert not (isinstance(intent, Provision) and of_uid.job.type is JobType.DEPROVISION)
                assert after_cancel is None or after_cancel.state is CANCELED
            case StopFirst(job) | Stale(_, JobRecord() as job):
                assert isinstance(intent, Deprovision)
                assert job.type is JobType.PROVISION
                assert job.job_id
                assert job.provider is Provider.AAP
                assert not job.closed
            case Busy():
                running = intent.newest is not None and not intent.newest.closed
                assert open_job or running or (foreign is not None and not foreign.closed)
            case Stale():
                pass


def test_somebody_may_always_go_on_once_nothing_runs() -> None:
    for last in events(REF, "77"):
        if last.closed:
            number = next_number(to_deprovision(1), last)
            assert isinstance(verdict(to_deprovision(number), last), Free)


def test_a_claim_begins_with_what_the_intent_asks_for() -> None:
    intent = to_provision(2, retry_requested_at="now")
    assert first_record(intent, happened(provision(1)), provider=Provider.AAP, now=NOW) == JobRecord(
        type=JobType.PROVISION,
        state=JobState.PENDING,
        timestamp=NOW,
        block_deletion_on_failure=True,
        number=2,
        revision=1,
        attempt=2,
        provider=Provider.AAP,
        config_version=version(A),
        retry_requested_at="now",
    )


def test_a_number_taken_again_counts_its_revisions_on() -> None:
    last = delayed(provision(2, revision=4))
    assert first_record(to_provision(2), last, provider=Provider.AAP, now=NOW).revision == 5


def test_a_failure_of_eda_does_not_block_the_deletion() -> None:
    record = first_record(to_deprovision(1), None, provider=Provider.EDA, now=NOW)
    assert record.block_deletion_on_failure is False


def test_the_next_revision_is_stamped_anew() -> None:
    job = provision(1, revision=3, timestamp=A_WHILE_AGO)
    assert succeeding(job, NOW) == replace(job, revision=4, timestamp=NOW)
