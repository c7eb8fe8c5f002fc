"""Projecting is joining: however events come, the status ends up the same."""

from itertools import pairwise, product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.jobs import JobRecord, JobState, Provider
from cloudkit.lifecycle.history import is_unobserved, join, trim
from cloudkit.lifecycle.policy import Policy
from cloudkit.lifecycle.project import project, status_patch
from unit.lifecycle.specimens import (
    A_WHILE_AGO,
    NOW,
    POLICY,
    claimed,
    delayed,
    deprovision,
    happened,
    instance,
    learned,
    provision,
)

SUCCEEDED, RUNNING = JobState.SUCCEEDED, JobState.RUNNING
PATIENT = Policy(max_job_history=3)
ENDINGS = [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED]
UNDER_WAY = st.sampled_from([JobState.PENDING, JobState.WAITING, JobState.RUNNING, JobState.UNKNOWN])


@st.composite
def life_of_a_job(draw: st.DrawFn, number: int, *, last: bool) -> list[JobEvent]:
    """What the log holds of one job, in order; every one but the last is closed."""
    make = provision if draw(st.booleans()) else deprovision
    events: list[JobEvent] = []
    revision = 0

    def next_record(state: JobState) -> JobRecord:
        nonlocal revision
        revision += 1
        return make(number, state, revision=revision, message=draw(st.text(max_size=300)))

    for _ in range(draw(st.integers(0, 2))):
        events.append(claimed(next_record(JobState.PENDING)))
        events.append(delayed(next_record(JobState.PENDING), draw(st.sampled_from(["Unauthorized", "Lost"]))))
    events.append(claimed(next_record(JobState.PENDING)))
    events.append(happened(next_record(JobState.PENDING), JobEventName.LAUNCHED))
    events.extend(happened(next_record(state)) for state in draw(st.lists(UNDER_WAY, max_size=3)))
    if not last or draw(st.booleans()):
        events.append(happened(next_record(draw(st.sampled_from(ENDINGS)))))
    return events[: draw(st.integers(1, len(events)))] if last else events


@st.composite
def a_log(draw: st.DrawFn) -> list[JobEvent]:
    count = draw(st.integers(1, 5))
    lives = [draw(life_of_a_job(number, last=number == count)) for number in range(1, count + 1)]
    return [event for life in lives for event in life]


@st.composite
def a_log_and_its_delivery(draw: st.DrawFn) -> tuple[list[JobEvent], list[list[JobEvent]]]:
    """A log, and the same delivered in any order, split anyhow, some of it more than once."""
    log = draw(a_log())
    again = draw(st.lists(st.sampled_from(log), max_size=5))
    shuffled = draw(st.permutations([*log, *again]))
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    return log, [shuffled[start:end] for start, end in pairwise([0, *cuts, len(shuffled)])]


INSTANCES = st.sampled_from([instance(), instance(deleting=True), instance(spec={"name": "other"})])


def told_at_once(subject: ComputeInstance, log: list[JobEvent]) -> ComputeInstance:
    return learned(subject, *log, policy=PATIENT)


@settings(max_examples=300, deadline=None)
@given(INSTANCES, a_log_and_its_delivery())
def test_the_status_does_not_depend_on_how_events_come(
    subject: ComputeInstance, delivery: tuple[list[JobEvent], list[list[JobEvent]]]
) -> None:
    log, batches = delivery
    step = subject
    for batch in batches:
        step = learned(step, *batch, policy=PATIENT)
    assert step == told_at_once(subject, log)


@settings(max_examples=200, deadline=None)
@given(INSTANCES, a_log())
def test_learning_everything_again_changes_nothing(subject: ComputeInstance, log: list[JobEvent]) -> None:
    once = told_at_once(subject, log)
    assert status_patch(once.status, project(once, log, NOW, PATIENT)) == {}


@settings(max_examples=200, deadline=None)
@given(INSTANCES, a_log_and_its_delivery())
def test_a_job_whose_end_was_seen_never_changes(
    subject: ComputeInstance, delivery: tuple[list[JobEvent], list[list[JobEvent]]]
) -> None:
    step, closed = subject, dict[int, JobRecord]()
    for event in (event for batch in delivery[1] for event in batch):
        step = learned(step, event, policy=PATIENT)
        for job in step.jobs:
            if job.closed and not is_unobserved(job):
                known = closed.setdefault(job.number, job)
                assert (job.state, job.revision, job.timestamp) == (
                    known.state,
                    known.revision,
                    known.timestamp,
                )


CONTRADICTING = [
    provision(number, state, revision=revision, job_id=id, message=message)
    for number, state, revision, id, message in product((1, 2, 3), JobState, (0, 1), ("7", "8"), ("a", "b"))
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(CONTRADICTING), max_size=6), st.randoms(use_true_random=False))
def test_even_records_that_contradict_each_other_join_in_any_order(
    jobs: list[JobRecord], random: Random
) -> None:
    shuffled = random.sample(jobs, len(jobs))
    assert join((), jobs) == join((), shuffled)
    assert join(join((), jobs), jobs) == join((), jobs)


def test_the_closed_record_wins_over_a_higher_revision() -> None:
    ended, running = provision(1, JobState.FAILED, revision=2), provision(1, JobState.RUNNING, revision=5)
    assert join([ended], [running]) == join([running], [ended]) == (ended,)


def test_the_higher_revision_wins_whatever_the_clocks_say() -> None:
    older = provision(1, JobState.RUNNING, revision=9, timestamp=NOW)
    newer = provision(1, JobState.PENDING, revision=10, timestamp=A_WHILE_AGO)
    assert join([older], [newer]) == join([newer], [older]) == (newer,)


def test_an_older_job_that_looks_open_has_ended() -> None:
    first, second = join([provision(1, JobState.RUNNING)], [deprovision(2, JobState.RUNNING)])
    assert (first.state, first.message) == (JobState.UNKNOWN, "Ended unobserved")
    assert second.state is JobState.RUNNING


def test_the_end_of_an_older_job_may_come_late() -> None:
    jobs = join([provision(1, JobState.RUNNING)], [deprovision(2, JobState.RUNNING)])
    late = provision(1, JobState.CANCELED, revision=4)
    assert join(jobs, [late])[0] == late


def test_the_newest_of_each_type_is_never_trimmed() -> None:
    jobs = (provision(1), *(deprovision(n, JobState.FAILED) for n in range(2, 14)))
    assert [job.number for job in trim(jobs, 3)] == [1, 11, 12, 13]


def test_the_job_that_made_the_machine_what_it_is_is_never_trimmed() -> None:
    jobs = (provision(1), *(provision(n, JobState.FAILED) for n in range(2, 9)))
    assert [job.number for job in trim(jobs, 3)] == [1, 6, 7, 8]


def test_messages_of_jobs_that_decide_are_kept_whole() -> None:
    jobs = (provision(1, JobState.FAILED, message="old " * 200), provision(2, message="new " * 200))
    older, newer = trim(jobs, 10)
    assert len(older.message.encode()) <= 256
    assert newer.message == "new " * 200


def test_what_somebody_wrote_into_the_history_by_hand_is_corrected_from_the_log() -> None:
    wish = provision(1, SUCCEEDED, revision=3)
    log = [claimed(provision(1, revision=1)), happened(provision(1, RUNNING, revision=3))]
    assert [job.state for job in project(instance(wish), log, NOW, POLICY).jobs] == [RUNNING]


def test_what_the_log_has_not_told_yet_is_no_forgery() -> None:
    newer = provision(1, SUCCEEDED, revision=4)
    log = [claimed(provision(1, revision=1)), happened(provision(1, RUNNING, revision=3))]
    assert project(instance(newer), log, NOW, POLICY).jobs == (newer,)


def test_what_stood_there_before_a_log_was_lost_is_no_forgery() -> None:
    before = provision(1, SUCCEEDED, revision=3)
    log = [happened(provision(1, RUNNING, revision=3), JobEventName.ADOPTED)]
    assert project(instance(before), log, NOW, POLICY).jobs == (before,)


def test_an_end_of_a_job_of_eda_that_only_a_person_tells_of_is_corrected_after_a_lost_log_too() -> None:
    webhook = {"provider": Provider.EDA, "job_id": "eda-webhook-1"}
    wish = provision(1, SUCCEEDED, revision=3, **webhook)
    log = [happened(provision(1, JobState.UNKNOWN, revision=3, **webhook), JobEventName.ADOPTED)]
    assert [job.state for job in project(instance(wish), log, NOW, POLICY).jobs] == [JobState.UNKNOWN]


def test_an_older_claim_that_is_delivered_again_makes_nothing_a_forgery() -> None:
    shown = provision(1, RUNNING, revision=3)
    assert project(instance(shown), [claimed(provision(1, revision=1))], NOW, POLICY).jobs == (shown,)
