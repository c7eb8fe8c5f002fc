"""What a provider's answer means for a job's record, and what is left when an instance is gone."""

import pytest
from msgspec.structs import replace

from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.jobs import JobKind, JobRecord, JobState, JobType
from cloudkit.lifecycle.observe import (
    Observation,
    advance,
    cancel_accepted,
    cancel_forbidden,
    delayed,
    purged,
)
from cloudkit.lifecycle.orphans import orphan
from unit.lifecycle import specimens
from unit.lifecycle.specimens import (
    A_WHILE_AGO,
    LONG_AGO,
    NOW,
    REF,
    claimed,
    deprovision,
    happened,
    provision,
)

RUNNING = happened(
    provision(1, JobState.RUNNING, revision=3, job_id="77", kind=JobKind.JOB, message="Job running")
)


def seen(state: JobState, job_id: str = "77", details: str = "") -> Observation:
    return Observation(job_id=job_id, kind=JobKind.JOB, state=state, started_at=A_WHILE_AGO, details=details)


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.RUNNING])
def test_another_state_is_news_of_the_same_name(state: JobState) -> None:
    event = advance(RUNNING, seen(state), NOW)
    assert event is not None
    assert event.event.value == state.value.lower()
    assert (event.job.state, event.job.revision, event.job.timestamp) == (state, 4, NOW)


def test_the_same_state_is_no_news() -> None:
    assert advance(RUNNING, seen(JobState.RUNNING), NOW) is None


def test_what_a_job_waits_for_is_news_once() -> None:
    waiting = seen(JobState.PENDING, details="waiting for another job to finish")
    event = advance(RUNNING, waiting, NOW)
    assert event is not None
    assert event.job.message == "Job queued: waiting for another job to finish"
    assert advance(event, waiting, NOW) is None


def test_a_job_that_is_being_canceled_says_so_once() -> None:
    stopping = replace(seen(JobState.RUNNING), canceling=True)
    event = advance(RUNNING, stopping, NOW)
    assert event is not None
    assert (event.event, event.job.message) == (JobEventName.RUNNING, "Job running: being canceled")
    assert advance(event, stopping, NOW) is None


def test_that_a_job_may_not_be_canceled_is_said_once() -> None:
    event = cancel_forbidden(RUNNING, "not yours", NOW)
    assert event is not None
    assert (event.event, event.job.state, event.job.revision) == (JobEventName.RUNNING, JobState.RUNNING, 4)
    assert (event.job.reason, event.job.message) == ("CancelForbidden", "not yours")
    assert cancel_forbidden(event, "not yours", NOW) is None


@pytest.mark.parametrize("state", [JobState.PENDING, JobState.WAITING, JobState.RUNNING, JobState.UNKNOWN])
def test_that_a_job_may_not_be_canceled_outlives_every_look_at_it(state: JobState) -> None:
    forbidden = cancel_forbidden(RUNNING, "not yours", NOW)
    assert forbidden is not None
    event = advance(forbidden, seen(state), NOW) or forbidden
    assert (event.job.state, event.job.reason, event.job.message) == (state, "CancelForbidden", "not yours")


def test_that_a_job_may_not_be_canceled_is_over_once_somebody_cancels_it() -> None:
    forbidden = cancel_forbidden(RUNNING, "not yours", NOW)
    assert forbidden is not None
    for event in (
        cancel_accepted(forbidden, NOW),
        advance(forbidden, replace(seen(JobState.RUNNING), canceling=True), NOW),
    ):
        assert event is not None
        assert (event.job.reason, event.job.message) == ("", "Job running: being canceled")
        assert event.job.revision == forbidden.job.revision + 1


@pytest.mark.parametrize("ending", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED])
def test_a_job_that_ended_although_it_may_not_be_canceled_shows_its_end(ending: JobState) -> None:
    forbidden = cancel_forbidden(RUNNING, "not yours", NOW)
    assert forbidden is not None
    event = advance(forbidden, seen(ending), NOW)
    assert event is not None
    assert event.job.reason != "CancelForbidden"


def test_an_accepted_cancel_that_nobody_had_refused_is_no_news() -> None:
    assert cancel_accepted(RUNNING, NOW) is None


def test_nothing_is_said_of_the_cancel_of_a_closed_job() -> None:
    closed = happened(provision(1, JobState.SUCCEEDED, reason="CancelForbidden"))
    assert cancel_forbidden(closed, "not yours", NOW) is None
    assert cancel_accepted(closed, NOW) is None


@pytest.mark.parametrize("ending", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED])
@pytest.mark.parametrize("state", JobState)
def test_after_its_end_nothing_is_news(ending: JobState, state: JobState) -> None:
    assert advance(happened(provision(1, ending)), seen(state), NOW) is None


def test_a_failed_job_says_what_failed() -> None:
    event = advance(RUNNING, seen(JobState.FAILED, details="task 'Create disk': no space"), NOW)
    assert event is not None
    assert event.job.message == "AAP job failed: task 'Create disk': no space"


def test_a_canceled_job_has_its_reason() -> None:
    event = advance(RUNNING, seen(JobState.CANCELED), NOW)
    assert event is not None
    assert (event.job.reason, event.job.message) == ("Canceled", "Job canceled")


def test_a_job_keeps_what_it_was_asked_for() -> None:
    event = advance(RUNNING, seen(JobState.SUCCEEDED), NOW)
    assert event is not None
    kept = {
        "number",
        "type",
        "attempt",
        "config_version",
        "provider",
        "claimant",
        "block_deletion_on_failure",
    }
    assert all(getattr(event.job, name) == getattr(RUNNING.job, name) for name in kept)


def test_a_purged_job_has_failed_and_will_never_change() -> None:
    event = purged(REF, RUNNING.job, NOW)
    assert event.event is JobEventName.FAILED
    assert event.closed
    assert (event.job.reason, event.job.finished_at) == ("JobPurged", NOW)


def test_a_delay_says_why_and_leaves_the_number_free() -> None:
    event = delayed(REF, replace(RUNNING.job, job_id=""), "Unauthorized", "x" * 9000, NOW)
    assert event.event is JobEventName.DELAYED
    assert event.job.reason == "Unauthorized"
    assert len(event.job.message.encode()) <= 2048


ORPHANS: dict[str, tuple[list[JobEvent], tuple[JobType, int] | None]] = {
    "nothing was ever launched": ([claimed(provision(1)), specimens.delayed(provision(1))], None),
    "its machine was removed": ([happened(provision(1)), happened(deprovision(2))], None),
    "its machine is left": ([happened(provision(1))], (JobType.PROVISION, 1)),
    "a job still runs": ([RUNNING], (JobType.PROVISION, 1)),
    "its machine could not be removed": (
        [happened(provision(1)), happened(deprovision(2, JobState.FAILED))],
        (JobType.DEPROVISION, 2),
    ),
    "a job runs after the removal": (
        [happened(deprovision(1)), happened(provision(2, JobState.RUNNING))],
        (JobType.PROVISION, 2),
    ),
}


@pytest.mark.parametrize(("events", "expected"), ORPHANS.values(), ids=ORPHANS)
def test_what_a_vanished_instance_left_behind(
    events: list[JobEvent], expected: tuple[JobType, int] | None
) -> None:
    left: JobRecord | None = orphan(reversed(events))
    assert (None if left is None else (left.type, left.number)) == expected


def test_a_record_of_long_ago_is_stamped_anew() -> None:
    old = happened(replace(RUNNING.job, timestamp=LONG_AGO))
    event = advance(old, seen(JobState.PENDING), NOW)
    assert event is not None
    assert event.job.timestamp == NOW
