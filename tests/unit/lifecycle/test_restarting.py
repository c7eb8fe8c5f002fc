"""A restart that people ask for in the spec: made once, by one more run of the provision job."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from cloudkit.contracts.instance import PLAYBOOK_FINALIZERS, RESTART_FIELD, ComputeInstance, Phase
from cloudkit.contracts.intents import Provision
from cloudkit.contracts.jobs import JobRecord, JobState
from cloudkit.lifecycle.decide import Write, decide
from cloudkit.lifecycle.situation import Situation
from unit.lifecycle.everything import BOTH_RUN, some
from unit.lifecycle.specimens import NOW, POLICY, A, B, deprovision, instance, provision, reported, version

ASKED = NOW - timedelta(minutes=1)
HOUR = timedelta(hours=1)
FAILED = JobState.FAILED


def wishing(subject: ComputeInstance, at: datetime = ASKED) -> ComputeInstance:
    """*subject*, for spec A, whose restart people ask for."""
    return replace(subject, spec=msgspec.Raw(msgspec.json.encode({**A, RESTART_FIELD: at})))


def asked(subject: ComputeInstance, now: datetime = NOW) -> Provision | None:
    """The provision job that *subject* gets next, if any."""
    found = [said for _, said in decide(subject, now, POLICY).intents if isinstance(said, Provision)]
    return found[0] if found else None


def test_a_restart_runs_the_provision_job_once_more_with_the_whole_resource() -> None:
    job = asked(reported(instance(provision(1), spec={**A, RESTART_FIELD: ASKED})))
    assert job is not None
    assert (job.number, job.attempt, job.config_version) == (2, 1, version(A))
    assert job.restart_requested_at == ASKED
    assert job.resource is not None
    assert job.resource["spec"][RESTART_FIELD] == "2026-01-02T11:59:00Z"


def test_in_every_situation_a_restart_is_made_exactly_once() -> None:
    count = 0
    for subject in some():
        held = subject.unmanaged or Situation(subject, NOW, BOTH_RUN).came_back
        if subject.adopted and not subject.deleting and not held:
            carrying = [job for job in _lived_through(wishing(subject)) if job.restart_requested_at]
            assert [job.restart_requested_at for job in carrying] == [ASKED]
            count += 1
    assert count > 500


def _lived_through(subject: ComputeInstance) -> Iterator[JobRecord]:
    """The jobs that *subject* gets, each of which succeeds, until nothing is left to do."""
    for _ in range(6):
        seen = reported(subject, BOTH_RUN)
        decision = decide(seen, NOW, BOTH_RUN)
        intents = [intent for _, intent in decision.intents if isinstance(intent, Provision)]
        newest = seen.jobs[-1] if seen.jobs else None
        if newest is not None and not newest.closed:
            subject = _with_jobs(seen, *seen.jobs[:-1], replace(newest, state=JobState.SUCCEEDED))
        elif decision.write is Write.MARK:
            marked = (*seen.metadata.finalizers, PLAYBOOK_FINALIZERS[0])
            subject = replace(seen, metadata=replace(seen.metadata, finalizers=marked))
        elif intents:
            job = _done(intents[0])
            yield job
            subject = _with_jobs(seen, *seen.jobs, job)
        else:
            assert seen.status.last_restarted_at == ASKED
            assert seen.status.phase is Phase.READY
            return
    raise AssertionError("it never comes to rest")


def _with_jobs(subject: ComputeInstance, *jobs: JobRecord) -> ComputeInstance:
    return replace(subject, status=replace(subject.status, jobs=jobs))


def _done(intent: Provision) -> JobRecord:
    return provision(
        intent.number,
        config_version=intent.config_version,
        attempt=intent.attempt,
        restart_requested_at=intent.restart_requested_at,
        retry_requested_at=intent.retry_requested_at,
    )


NOT_MADE: dict[str, ComputeInstance] = {
    "one that was made": wishing(instance(provision(restart_requested_at=ASKED))),
    "one before the last that was made": wishing(instance(provision(restart_requested_at=NOW))),
    "one that the history has forgotten": wishing(
        instance(provision(9), status={"lastRestartedAt": "2026-01-02T11:59:00Z"})
    ),
    "the same moment in another time zone": replace(
        instance(provision(restart_requested_at=ASKED)),
        spec=msgspec.Raw(msgspec.json.encode({**A, RESTART_FIELD: "2026-01-02T12:59:00+01:00"})),
    ),
    "one that was taken back": instance(provision(restart_requested_at=ASKED)),
    "one of an instance that is being deleted": wishing(instance(provision(), deleting=True)),
    "one while a job runs": wishing(instance(provision(state=JobState.RUNNING))),
}


@pytest.mark.parametrize("subject", NOT_MADE.values(), ids=NOT_MADE)
def test_no_restart_is_made_for(subject: ComputeInstance) -> None:
    assert asked(reported(subject)) is None


def test_a_later_wish_is_made_as_well() -> None:
    job = asked(reported(wishing(instance(provision(2, restart_requested_at=ASKED)), NOW)))
    assert job is not None
    assert job.restart_requested_at == NOW


def test_the_last_of_several_restarts_is_remembered() -> None:
    once = reported(wishing(instance(provision(1, restart_requested_at=ASKED))))
    twice = _with_jobs(wishing(once, NOW), *once.jobs, provision(2, restart_requested_at=NOW))
    assert reported(twice).status.last_restarted_at == NOW
    assert asked(reported(twice)) is None


def test_a_wish_in_the_future_is_made_at_once_since_no_clock_is_asked() -> None:
    job = asked(reported(wishing(instance(provision(1)), NOW + timedelta(days=365))))
    assert job is not None


def test_a_restart_and_a_new_spec_are_one_job() -> None:
    job = asked(reported(wishing(instance(provision(1, config_version=version(B))))))
    assert job is not None
    assert (job.config_version, job.restart_requested_at) == (version(A), ASKED)
    after = wishing(instance(provision(2, restart_requested_at=ASKED)))
    assert asked(reported(after)) is None


def test_the_first_job_makes_a_restart_unnecessary() -> None:
    job = asked(reported(wishing(instance())))
    assert job is not None
    made = reported(wishing(instance(_done(job))))
    assert made.status.last_restarted_at == ASKED
    assert asked(made) is None


def test_a_restart_that_fails_is_tried_as_often_as_any_job() -> None:
    tried = [provision(n, FAILED, attempt=n - 1, restart_requested_at=ASKED) for n in range(2, 7)]
    for failed in range(1, 5):
        again = asked(reported(wishing(instance(provision(1), *tried[:failed]))), NOW + HOUR)
        assert again is not None
        assert (again.attempt, again.restart_requested_at) == (failed + 1, ASKED)
    given_up = reported(wishing(instance(provision(1), *tried)))
    assert asked(given_up, NOW + HOUR) is None
    assert given_up.status.phase is Phase.FAILED
    assert given_up.status.last_restarted_at is None


def test_a_new_wish_starts_the_attempts_again() -> None:
    failed = provision(6, FAILED, attempt=5, restart_requested_at=ASKED)
    again = asked(reported(wishing(instance(provision(1), failed), NOW)))
    assert again is not None
    assert again.attempt == 1


def test_a_wish_that_comes_while_a_job_fails_is_not_held_back_by_that_failure() -> None:
    again = asked(reported(wishing(instance(provision(1, FAILED, timestamp=NOW)))))
    assert again is not None
    assert (again.attempt, again.restart_requested_at) == (1, ASKED)


def test_a_failed_restart_does_not_forget_the_one_before() -> None:
    jobs = provision(1, restart_requested_at=ASKED - HOUR), provision(2, FAILED, restart_requested_at=ASKED)
    assert reported(wishing(instance(*jobs))).status.last_restarted_at == ASKED - HOUR


def test_what_was_restarted_is_remembered_through_a_deletion() -> None:
    jobs = provision(1, restart_requested_at=ASKED), deprovision(2, JobState.RUNNING)
    assert reported(wishing(instance(*jobs, deleting=True))).status.last_restarted_at == ASKED
