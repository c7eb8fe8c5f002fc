"""A status stays small, loses nothing that decides, and is the same whoever concludes it again."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.instance import ComputeInstance, ComputeInstanceStatus
from cloudkit.contracts.jobs import JobRecord, JobState, JobType, Provider
from cloudkit.lifecycle.decide import decide
from cloudkit.lifecycle.history import newest, newest_success
from cloudkit.lifecycle.policy import Policy
from cloudkit.lifecycle.project import project
from cloudkit.lifecycle.size import MAX_STATUS_BYTES
from unit.lifecycle.everything import BOTH_RUN, some
from unit.lifecycle.kubernetes import bytes_of, kept
from unit.lifecycle.specimens import (
    NOW,
    POLICY,
    A,
    B,
    delayed,
    deprovision,
    happened,
    instance,
    provision,
    version,
)
from unit.lifecycle.states import STATES, State

whatever_the_machine_is_busy_with = settings(deadline=None)
LATER = NOW + timedelta(minutes=1)
THEIRS = {"type": "RestartRequired", "status": "False", "message": "theirs " * 20_000}

pieces = st.text(st.sampled_from('aü中😀"\\\x00\n\x7f<&\u2028 '), min_size=1, max_size=6)
messages = st.builds(lambda piece, times: piece * times, pieces, st.integers(0, 3000) | st.integers(0, 20))
jobs = st.builds(
    lambda make, state, **fields: (make, state, fields),
    st.sampled_from([provision, deprovision]),
    st.sampled_from(JobState),
    message=messages,
    attempt=st.integers(1, 9),
    config_version=st.sampled_from([version(A), version(B)]),
    reason=st.sampled_from(["", "JobFailed", "NoSpace"]),
    provider=st.sampled_from(Provider),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[JobRecord, ...]:
    """Jobs of which all but the last have ended; sometimes a thousand more that failed."""
    drawn = draw(st.lists(jobs, max_size=12))
    many = draw(st.sampled_from([0, 0, 0, 1000])) if drawn else 0
    failed = [provision(n, JobState.FAILED, message="x" * 300) for n in range(1, many + 1)]
    made = [make(many + n, state, **fields) for n, (make, state, fields) in enumerate(drawn, 1)]
    ended = [replace(job, finished_at=NOW) for job in made[:-1]]
    return (*failed, *ended, *made[-1:])


policies = st.builds(
    lambda history, providers: Policy(max_job_history=history, providers=providers),
    st.sampled_from([2, 10, 5000]),
    st.sampled_from([frozenset({Provider.AAP}), frozenset(Provider)]),
)
launches = st.none() | st.builds(lambda text: ("TemplateNotFound", text), messages)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[ComputeInstance, list[JobEvent], Policy]:
    """An instance, whose jobs its status shows or the log tells of, and the operator's choices."""
    history = draw(histories())
    shown = draw(st.integers(0, len(history)))
    events = [happened(job) for job in history[draw(st.integers(0, shown)) :]]
    if (launch := draw(launches)) is not None:
        events.append(delayed(provision(len(history) + 1), *launch))
    conditions: dict[str, Any] = {"conditions": [THEIRS]} if draw(st.booleans()) else {}
    subject = instance(*history[:shown], deleting=draw(st.booleans()), status=conditions)
    return subject, events, draw(policies)


def ours(status: ComputeInstanceStatus) -> ComputeInstanceStatus:
    return replace(status, conditions=tuple(c for c in status.conditions if c.type != THEIRS["type"]))


@whatever_the_machine_is_busy_with
@given(worlds())
def test_a_status_never_takes_more_than_its_share_of_etcd(world: Any) -> None:
    subject, events, policy = world
    assert bytes_of(ours(project(subject, events, NOW, policy))) <= MAX_STATUS_BYTES


@whatever_the_machine_is_busy_with
@given(worlds())
def test_what_decides_is_never_left_out(world: Any) -> None:
    subject, events, policy = world
    status = project(subject, events, NOW, policy)
    known = {job.number: job for job in (*subject.jobs, *(e.job for e in events if e.job.job_id))}
    for wanted in (*(newest(known.values(), type) for type in JobType), newest_success(known.values())):
        assert wanted is None or wanted.number in {job.number for job in status.jobs}


@whatever_the_machine_is_busy_with
@given(worlds())
def test_what_is_concluded_from_a_status_that_was_written_is_that_status(world: Any) -> None:
    subject, events, policy = world
    status = project(subject, events, NOW, policy)
    written = kept(subject, status)
    assert written.status == status
    assert project(written, (), LATER, policy) == status


@whatever_the_machine_is_busy_with
@given(worlds())
def test_what_the_log_tells_again_and_again_comes_to_rest(world: Any) -> None:
    subject, events, policy = world
    for _ in range(3):
        subject = replace(subject, status=project(subject, events, NOW, policy))
    assert project(subject, events, LATER, policy) == subject.status


@whatever_the_machine_is_busy_with
@given(worlds())
def test_conditions_of_others_are_left_alone_and_cost_us_nothing(world: Any) -> None:
    subject, events, policy = world
    status = project(subject, events, NOW, policy)
    before = [c for c in subject.status.conditions if c.type == THEIRS["type"]]
    assert [c for c in status.conditions if c.type == THEIRS["type"]] == before
    alone = replace(subject, status=ours(subject.status))
    assert ours(status) == project(alone, events, NOW, policy)


def test_the_oldest_jobs_go_first_and_no_more_than_must() -> None:
    history = tuple(provision(n, JobState.FAILED, message="x" * 250) for n in range(2, 202))
    status = project(instance(provision(1), *history), (), NOW, replace(POLICY, max_job_history=500))
    numbers = [job.number for job in status.jobs]
    assert numbers[0] == 1, "it made the machine what it is"
    assert numbers[1:] == list(range(numbers[1], 202))
    assert MAX_STATUS_BYTES - 600 < bytes_of(status) <= MAX_STATUS_BYTES


def test_a_history_of_ten_ordinary_jobs_is_shown_whole() -> None:
    jobs = tuple(provision(n, JobState.FAILED, message="x" * 200) for n in range(1, 11))
    assert project(instance(*jobs), (), NOW, POLICY).jobs == jobs


def test_messages_are_cut_before_anything_is_concluded_from_them() -> None:
    """Else the conditions would be other ones as soon as somebody looks at what was written."""
    huge = "disk\x00" * 20_000
    subject = instance(provision(5, JobState.FAILED, attempt=5, message=huge))
    status = project(subject, (), NOW, POLICY)
    assert bytes_of(status) <= MAX_STATUS_BYTES
    assert project(kept(subject, status), (), LATER, POLICY) == status
    [stalled] = [condition for condition in status.conditions if condition.type == "Stalled"]
    assert '--overwrite cloudkit.openshift.io/retry-requested-at="$(date +%s)" ' in stalled.message


@pytest.mark.parametrize(("subject", "policy"), STATES.values(), ids=STATES)
def test_no_state_is_written_twice(subject: ComputeInstance, policy: Policy) -> None:
    _assert_at_rest((subject, policy))


def test_no_situation_is_written_twice() -> None:
    for subject in some():
        seen = replace(subject, status=project(subject, (), NOW, BOTH_RUN))
        _assert_at_rest((seen, BOTH_RUN))


def _assert_at_rest(state: State) -> None:
    subject, policy = state
    written = kept(replace(subject, status=ComputeInstanceStatus()), subject.status)
    assert written.status == subject.status
    assert project(written, (), LATER, policy) == subject.status
    if subject.adopted:
        intents = [type(intent).__name__ for _, intent in decide(written, LATER, policy).intents]
        assert "Reconcile" not in intents or decide(written, LATER, policy).write is not None
