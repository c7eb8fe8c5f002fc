"""Whose a job is, and what its row says."""

import msgspec
import pytest

from aap_poller.rows import JobKey, Row, found, ours
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import JobState, JobType
from unit.aap_poller.world import REBORN, VM, resource, variables

ROW = {"id": 7, "type": "job", "status": "running", "created": "2026-01-01T00:00:00.000000Z"}


def row(given: object = None, **fields: object) -> Row:
    text = given if isinstance(given, str) else msgspec.json.encode(given or {}).decode()
    return msgspec.convert({**ROW, "extra_vars": text, **fields}, Row)


STATES = {
    "new": JobState.PENDING,
    "pending": JobState.PENDING,
    "waiting": JobState.WAITING,
    "running": JobState.RUNNING,
    "successful": JobState.SUCCEEDED,
    "failed": JobState.FAILED,
    "error": JobState.FAILED,
    "canceled": JobState.CANCELED,
    "a word of tomorrow": JobState.UNKNOWN,
}


@pytest.mark.parametrize(("status", "state"), STATES.items())
def test_every_status_of_aap_has_a_state(status: str, state: JobState) -> None:
    assert row(status=status).state is state


def test_our_key_says_whose_a_job_is() -> None:
    job = ours(row(variables(JobKey(VM, 3))))
    assert job is not None
    assert (job.key, job.type, job.config_version) == (JobKey(VM, 3), JobType.PROVISION, "v1")
    assert job.row.extra_vars == "", "variables may be large, and are needed no more"


def test_a_resource_that_is_being_deleted_makes_a_deprovision() -> None:
    job = ours(row(variables(JobKey(VM, 3), deleting=True)))
    assert job is not None
    assert (job.type, job.config_version) == (JobType.DEPROVISION, "")


def test_jobs_of_the_go_operator_are_known_by_the_uid_in_their_payload() -> None:
    job = ours(row({"ansible_eda": {"event": {"payload": resource(VM)}}}))
    assert job is not None
    assert job.key == JobKey(VM, 0)


def test_what_a_workflow_runs_is_not_ours() -> None:
    assert ours(row(variables(JobKey(VM, 1)), launch_type="workflow")) is None
    assert ours(row(variables(JobKey(VM, 1)), launch_type="manual")) is not None


@pytest.mark.parametrize(
    "given",
    [
        "",
        "---\nanswer: 42",
        "[]",
        "null",
        '{"a": ' + "[" * 5000,
        {"cloudkit_job": "lab/vm/uid-1"},
        {"cloudkit_job": "lab/vm/uid-1/x"},
        {"cloudkit_job": "lab/vm/uid-1/1/2"},
        {"cloudkit_job": "lab/*/uid-1/1"},
        {"cloudkit_job": "lab/v m/uid-1/1"},
        {"cloudkit_job": "lab//uid-1/1"},
        {"cloudkit_job": "lab/vm/uid-1/\u0661"},
        {"cloudkit_job": 5},
        {"ansible_eda": {"event": {"payload": {"metadata": {"uid": ">"}}}}},
        {"ansible_eda": {"event": "none"}},
    ],
    ids=str,
)
def test_variables_of_others_are_no_error_and_not_ours(given: object) -> None:
    assert ours(row(given)) is None


def test_variables_that_may_not_be_seen_are_not_ours() -> None:
    assert ours(msgspec.convert({**ROW, "extra_vars": None}, Row)) is None


def test_an_id_alone_proves_nothing() -> None:
    mine = row(variables(JobKey(VM, 3)))
    assert found(mine, JobKey(VM, 3)) is not None
    assert found(mine, JobKey(VM, 4)) is None
    assert found(mine, JobKey(REBORN, 3)) is None
    assert found(None, JobKey(VM, 3)) is None


def test_a_name_with_dots_is_a_name() -> None:
    instance = InstanceRef("lab", "vm.example.com", "0b5c-9")
    job = ours(row(variables(JobKey(instance, 1))))
    assert job is not None
    assert job.key.instance == instance


def test_a_finish_before_the_end_is_not_believed() -> None:
    """A job that falls back from running to pending, and one whose cancel was overwritten, may have one."""
    seen = row(status="running", finished="2026-01-01T00:00:01Z").observation()
    assert seen.finished_at is None


WAITS = {
    "waiting for job-4702 to finish": "waiting for another job to finish",
    "waiting for workflow_job-17 to finish": "waiting for another job to finish",
    "This job is not ready to start because there is not enough available capacity.": (
        "This job is not ready to start because there is not enough available capacity."
    ),
    "": "",
}


@pytest.mark.parametrize(("explanation", "details"), WAITS.items())
def test_a_pending_job_says_what_it_waits_for_and_not_for_which_of_many(
    explanation: str, details: str
) -> None:
    assert row(status="pending", job_explanation=explanation).observation().details == details


def test_only_a_pending_job_waits() -> None:
    assert row(status="running", job_explanation="waiting for job-1 to finish").observation().details == ""
    assert row(status="pending", job_explanation=None).observation().details == ""


def test_a_job_that_was_told_to_stop_is_being_canceled_until_it_has_ended() -> None:
    assert row(canceled_on="2026-01-01T00:00:01Z").observation().canceling
    assert not row(status="canceled", canceled_on="2026-01-01T00:00:01Z").observation().canceling
    assert not row().observation().canceling
