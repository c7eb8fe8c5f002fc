"""What the status says, and that it cannot lie."""

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from cloudkit.contracts.errors import Malformed
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.instance import (
    MANAGEMENT_ANNOTATION,
    RETRY_ANNOTATION,
    ComputeInstance,
    ComputeInstanceStatus,
    InstanceRef,
    JobSummary,
    Phase,
)
from cloudkit.contracts.jobs import JobKind, JobState, Provider
from cloudkit.lifecycle.decide import decide
from cloudkit.lifecycle.policy import Policy
from cloudkit.lifecycle.project import project, status_patch
from unit.lifecycle.specimens import (
    A_WHILE_AGO,
    NOW,
    POLICY,
    A,
    B,
    delayed,
    deprovision,
    happened,
    instance,
    learned,
    provision,
    reported,
    version,
)

SUCCEEDED, RUNNING, FAILED = JobState.SUCCEEDED, JobState.RUNNING, JobState.FAILED
CANCELED, UNKNOWN, PENDING = JobState.CANCELED, JobState.UNKNOWN, JobState.PENDING
UNMANAGED = {MANAGEMENT_ANNOTATION: "unmanaged"}
ASKED_AGAIN = {RETRY_ANNOTATION: "now"}

PHASES: dict[str, tuple[ComputeInstance, Phase]] = {
    "a new instance is Progressing": (instance(), Phase.PROGRESSING),
    "an instance is not Ready before its job has ended": (
        instance(provision(state=RUNNING)),
        Phase.PROGRESSING,
    ),
    "an instance is Ready once its spec is applied": (instance(provision()), Phase.READY),
    "an instance whose spec changed is Progressing": (instance(provision(), spec=B), Phase.PROGRESSING),
    "an instance whose newer job runs is Progressing": (
        instance(provision(1), provision(2, RUNNING, config_version=version(B)), spec=B),
        Phase.PROGRESSING,
    ),
    "a spec that returned to an applied version is Progressing until it is applied again": (
        instance(provision(1), provision(2, config_version=version(B))),
        Phase.PROGRESSING,
    ),
    "an instance stays Failed while it waits to be tried again": (
        instance(provision(state=FAILED)),
        Phase.FAILED,
    ),
    "an instance that is tried again is Progressing": (
        instance(provision(1, FAILED), provision(2, RUNNING, attempt=2)),
        Phase.PROGRESSING,
    ),
    "an instance that recovered is Ready": (
        instance(provision(1, FAILED), provision(2, attempt=2)),
        Phase.READY,
    ),
    "an instance whose job was canceled is Failed": (instance(provision(state=CANCELED)), Phase.FAILED),
    "a failure of an older spec is over": (instance(provision(state=FAILED), spec=B), Phase.PROGRESSING),
    "a failure is over when a person asks to try again": (
        instance(provision(state=FAILED), annotations=ASKED_AGAIN),
        Phase.PROGRESSING,
    ),
    "a job that nobody can say anything about is Progressing": (
        instance(provision(state=UNKNOWN)),
        Phase.PROGRESSING,
    ),
    "an instance that is deleted is Deleting": (instance(provision(), deleting=True), Phase.DELETING),
    "an instance whose cleanup failed is Deleting": (
        instance(deprovision(state=FAILED), deleting=True),
        Phase.DELETING,
    ),
}


@pytest.mark.parametrize(("subject", "phase"), PHASES.values(), ids=PHASES)
def test_the_phase(subject: ComputeInstance, phase: Phase) -> None:
    assert project(subject, (), NOW, POLICY).phase is phase


@pytest.mark.parametrize("subject", [case[0] for case in PHASES.values()], ids=PHASES)
def test_a_status_that_is_written_once_is_not_written_again(subject: ComputeInstance) -> None:
    once = project(subject, (), NOW, POLICY)
    later = project(replace(subject, status=once), (), NOW + timedelta(minutes=1), POLICY)
    assert status_patch(once, later) == {}


def test_events_of_another_life_of_the_name_are_not_ours() -> None:
    other = happened(provision(9), of=InstanceRef("ns", "vm", "uid-0"))
    assert project(instance(), [other], NOW, POLICY).jobs == ()


def test_the_latest_job_of_each_type_has_its_view() -> None:
    jobs = (provision(1), provision(2, FAILED), deprovision(3, RUNNING, message="Deprovision job triggered"))
    status = project(instance(*jobs, deleting=True), (), NOW, POLICY)
    assert status.provision_job == JobSummary(
        id="102", state=FAILED, message="Job failed", block_deletion_on_failure=True
    )
    assert status.deprovision_job == JobSummary(
        id="103", state=RUNNING, message="Deprovision job triggered", block_deletion_on_failure=True
    )


def test_a_canceled_job_is_shown_with_its_message() -> None:
    running = reported(instance(provision(1, RUNNING, revision=3), deleting=True))
    canceled = happened(provision(1, CANCELED, revision=4, message="Job canceled"))
    status = project(running, [canceled], NOW, POLICY)
    assert status.provision_job is not None
    assert (status.provision_job.state, status.provision_job.message) == (CANCELED, "Job canceled")


def test_the_versions_say_what_is_wanted_and_what_the_machine_has() -> None:
    status = project(instance(provision(), spec=B), (), NOW, POLICY)
    assert (status.desired_config_version, status.reconciled_config_version) == (version(B), version(A))


def test_what_the_machine_has_outlives_the_history() -> None:
    jobs = tuple(provision(n, FAILED, config_version=version(B)) for n in range(2, 5))
    subject = instance(*jobs, spec=B, status={"reconciledConfigVersion": version(A)})
    assert project(subject, (), NOW, POLICY).reconciled_config_version == version(A)


def test_a_status_is_not_made_for_a_spec_that_is_no_object() -> None:
    with pytest.raises(Malformed):
        project(replace(instance(), spec=msgspec.Raw(b'"text"')), (), NOW, POLICY)


def test_a_patch_holds_what_changed_and_nothing_else() -> None:
    before = ComputeInstanceStatus(phase=Phase.PROGRESSING, observed_generation=1)
    after = ComputeInstanceStatus(phase=Phase.READY, observed_generation=1)
    assert status_patch(before, after) == {"phase": "Ready"}


def test_a_patch_takes_away_what_holds_no_longer() -> None:
    before = learned(instance(), delayed(provision(1, revision=2)))
    after = project(before, [happened(provision(1, revision=3))], NOW, POLICY)
    assert status_patch(before.status, after)["launch"] is None


def test_a_patch_replaces_every_field_of_a_nested_object() -> None:
    before = learned(instance(), delayed(provision(1, revision=2)))
    after = project(before, [delayed(provision(1, revision=3), "Delayed", "")], NOW, POLICY)
    assert set(status_patch(before.status, after)["launch"]) == set(msgspec.to_builtins(after.launch))


def test_a_patch_never_holds_a_null_inside() -> None:
    status = project(
        instance(provision(), status={"conditions": [{"type": "X", "status": "True"}]}), (), NOW, POLICY
    )
    patch = status_patch(ComputeInstanceStatus(), status)
    assert b"null" not in msgspec.json.encode(patch)


def test_a_phase_of_another_controller_is_replaced() -> None:
    foreign = instance(status={"phase": "Starting"})
    patch = status_patch(foreign.status, project(foreign, (), NOW, POLICY))
    assert patch["phase"] == "Progressing"


def test_records_of_another_controller_are_completed() -> None:
    theirs = provision(0, config_version="", revision=0)
    webhook = deprovision(0, UNKNOWN, job_id="eda-webhook-2", revision=0)
    status = project(instance(theirs, webhook, deleting=True), (), NOW, POLICY)
    assert [(job.number, job.provider) for job in status.jobs] == [(1, Provider.AAP), (2, Provider.EDA)]


def test_the_largest_status_stays_small() -> None:
    long = "x" * 2048
    jobs = tuple(
        provision(n, FAILED, message=long, reason="ALongReason", kind=JobKind.WORKFLOW_JOB, started_at=NOW)
        for n in range(1, 11)
    )
    subject = instance(*jobs, deprovision(11, FAILED, attempt=5, message=long), deleting=True)
    subject = learned(subject, delayed(deprovision(12), message=long))
    assert len(msgspec.json.encode(subject.status)) < 24 * 1024


def test_the_history_of_the_policy_is_kept() -> None:
    jobs = tuple(provision(n) for n in range(1, 20))
    status = project(instance(*jobs), (), NOW, Policy(max_job_history=4))
    assert [job.number for job in status.jobs] == [16, 17, 18, 19]


def test_what_only_the_log_needs_is_not_shown() -> None:
    record = provision(claimant="claim-1", template="make", launched_from=31, stray_id="4710")
    event = happened(record, JobEventName.LAUNCHED)
    [job] = project(instance(), [event], NOW, POLICY).jobs
    assert (job.claimant, job.template, job.launched_from, job.stray_id) == ("", "", 0, "")
    assert job.timestamp == A_WHILE_AGO


def test_a_job_that_looks_open_has_ended_once_a_later_number_was_taken() -> None:
    """The log was lost with its end, and the status came from a backup: nobody would ever close it."""
    before = instance(provision(1, RUNNING))
    after = project(before, [delayed(provision(2))], NOW, POLICY)
    assert [(job.state, job.closed) for job in after.jobs] == [(UNKNOWN, True)]
    assert decide(replace(before, status=after), NOW + timedelta(hours=1), POLICY).intents


def test_how_a_job_ended_that_seemed_to_end_unobserved_may_still_be_learned() -> None:
    before = instance(provision(1, RUNNING))
    unobserved = replace(before, status=project(before, [delayed(provision(2))], NOW, POLICY))
    after = project(unobserved, [happened(provision(1, FAILED, revision=9))], NOW, POLICY)
    assert [job.state for job in after.jobs] == [FAILED]
