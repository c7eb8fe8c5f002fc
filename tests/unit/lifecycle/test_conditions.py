"""What the conditions say, and for how long."""

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from cloudkit.contracts.instance import (
    MANAGEMENT_ANNOTATION,
    PAUSED_ANNOTATION,
    RETRY_ANNOTATION,
    ComputeInstance,
    ComputeInstanceStatus,
    Condition,
)
from cloudkit.contracts.jobs import JobState
from cloudkit.lifecycle.launches import LAUNCH_UNCONFIRMED
from cloudkit.lifecycle.project import project, status_patch
from unit.lifecycle.specimens import (
    LONG_AGO,
    NOW,
    POLICY,
    B,
    claimed,
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
PAUSED = {PAUSED_ANNOTATION: "true"}
ASKED_AGAIN = {RETRY_ANNOTATION: "now"}

Shown = dict[str, tuple[str, str]]
CONDITIONS: dict[str, tuple[ComputeInstance, Shown]] = {
    "a new instance waits for a job": (
        instance(),
        {
            "Ready": ("False", "InProgress"),
            "Provisioned": ("False", "InProgress"),
            "Available": ("False", "NotProvisioned"),
        },
    ),
    "an applied spec is Ready": (
        instance(provision()),
        {
            "Ready": ("True", "Succeeded"),
            "Provisioned": ("True", "Succeeded"),
            "Available": ("True", "Provisioned"),
        },
    ),
    "a machine stays Available while a newer spec is applied": (
        instance(provision(1), provision(2, RUNNING, config_version=version(B)), spec=B),
        {
            "Ready": ("False", "InProgress"),
            "Provisioned": ("False", "InProgress"),
            "Available": ("True", "Provisioned"),
        },
    ),
    "a failed job says so": (
        instance(provision(state=FAILED)),
        {
            "Ready": ("False", "JobFailed"),
            "Provisioned": ("False", "JobFailed"),
            "Available": ("False", "NotProvisioned"),
        },
    ),
    "a job purged from AAP says so": (
        instance(provision(state=FAILED, reason="JobPurged")),
        {
            "Ready": ("False", "JobPurged"),
            "Provisioned": ("False", "JobPurged"),
            "Available": ("False", "NotProvisioned"),
        },
    ),
    "a failure of an older spec is over": (
        instance(provision(state=FAILED, reason="VariablesIgnored"), spec=B),
        {
            "Ready": ("False", "InProgress"),
            "Provisioned": ("False", "InProgress"),
            "Available": ("False", "NotProvisioned"),
        },
    ),
    "the last attempt that failed is Stalled": (
        instance(provision(5, FAILED, attempt=5)),
        {
            "Ready": ("False", "JobFailed"),
            "Provisioned": ("False", "JobFailed"),
            "Available": ("False", "NotProvisioned"),
            "Stalled": ("True", "AttemptsUsedUp"),
        },
    ),
    "nothing is Stalled while a job runs": (
        instance(deprovision(1, FAILED, attempt=5), provision(2, RUNNING), deleting=True),
        {
            "Ready": ("False", "Deleting"),
            "Provisioned": ("False", "InProgress"),
            "Available": ("False", "Deprovisioned"),
            "Deprovisioned": ("False", "InProgress"),
        },
    ),
    "a job that we may not cancel is why the cleanup waits": (
        instance(provision(1, RUNNING, reason="CancelForbidden"), deleting=True),
        {
            "Ready": ("False", "CancelForbidden"),
            "Provisioned": ("False", "InProgress"),
            "Available": ("False", "NotProvisioned"),
            "Deprovisioned": ("False", "CancelForbidden"),
        },
    ),
    "a job that is being canceled is why the cleanup waits": (
        instance(provision(1, RUNNING), deleting=True),
        {
            "Ready": ("False", "Deleting"),
            "Provisioned": ("False", "InProgress"),
            "Available": ("False", "NotProvisioned"),
            "Deprovisioned": ("False", "InProgress"),
        },
    ),
    "a canceled job is Stalled": (
        instance(provision(state=CANCELED)),
        {
            "Ready": ("False", "Canceled"),
            "Provisioned": ("False", "Canceled"),
            "Available": ("False", "NotProvisioned"),
            "Stalled": ("True", "Canceled"),
        },
    ),
    "an instance tried again by a person is no longer Stalled": (
        instance(provision(5, FAILED, attempt=5), annotations=ASKED_AGAIN),
        {
            "Ready": ("False", "InProgress"),
            "Provisioned": ("False", "InProgress"),
            "Available": ("False", "NotProvisioned"),
        },
    ),
    "a job that nobody can say anything about is Unknown": (
        instance(provision(state=UNKNOWN)),
        {
            "Ready": ("Unknown", "JobUnknown"),
            "Provisioned": ("Unknown", "JobUnknown"),
            "Available": ("False", "NotProvisioned"),
        },
    ),
    "an unmanaged instance says who looks after it": (
        instance(provision(), spec=B, annotations=UNMANAGED),
        {
            "Ready": ("False", "Unmanaged"),
            "Provisioned": ("False", "Unmanaged"),
            "Available": ("True", "Provisioned"),
        },
    ),
    "an unmanaged instance whose spec is applied is Ready": (
        instance(provision(), annotations=UNMANAGED),
        {
            "Ready": ("True", "Succeeded"),
            "Provisioned": ("True", "Succeeded"),
            "Available": ("True", "Provisioned"),
        },
    ),
    "a paused instance says so, and no longer why nothing could be launched": (
        learned(instance(annotations=PAUSED), delayed(provision())),
        {
            "Ready": ("False", "Paused"),
            "Provisioned": ("False", "Paused"),
            "Available": ("False", "NotProvisioned"),
        },
    ),
    "a paused deletion says so": (
        instance(provision(), deleting=True, annotations=PAUSED),
        {
            "Ready": ("False", "Deleting"),
            "Provisioned": ("True", "Succeeded"),
            "Available": ("True", "Provisioned"),
            "Deprovisioned": ("False", "Paused"),
        },
    ),
    "a machine that was made after a removal is not gone": (
        instance(deprovision(1), provision(2), deleting=True),
        {
            "Ready": ("False", "Deleting"),
            "Provisioned": ("True", "Succeeded"),
            "Available": ("False", "Deprovisioned"),
            "Deprovisioned": ("False", "InProgress"),
        },
    ),
    "an instance that is deleted has a machine until the cleanup starts": (
        instance(provision(), deleting=True),
        {
            "Ready": ("False", "Deleting"),
            "Provisioned": ("True", "Succeeded"),
            "Available": ("True", "Provisioned"),
            "Deprovisioned": ("False", "InProgress"),
        },
    ),
    "a failed cleanup says so": (
        instance(provision(1), deprovision(2, FAILED, attempt=5), deleting=True),
        {
            "Ready": ("False", "Deleting"),
            "Provisioned": ("True", "Succeeded"),
            "Available": ("False", "Deprovisioned"),
            "Deprovisioned": ("False", "JobFailed"),
            "Stalled": ("True", "AttemptsUsedUp"),
        },
    ),
    "after the cleanup nothing is provisioned": (
        instance(provision(1), deprovision(2), deleting=True),
        {
            "Ready": ("False", "Deleting"),
            "Provisioned": ("False", "Deprovisioned"),
            "Available": ("False", "Deprovisioned"),
            "Deprovisioned": ("True", "Succeeded"),
        },
    ),
    "a launch that cannot be made says why": (
        learned(instance(), delayed(provision())),
        {
            "Ready": ("False", "TemplateNotFound"),
            "Provisioned": ("False", "TemplateNotFound"),
            "Available": ("False", "NotProvisioned"),
        },
    ),
    "a launch without an answer says so": (
        learned(instance(), claimed(provision())),
        {
            "Ready": ("False", LAUNCH_UNCONFIRMED),
            "Provisioned": ("False", LAUNCH_UNCONFIRMED),
            "Available": ("False", "NotProvisioned"),
        },
    ),
    "a provision that could not be launched is no reason once the instance is deleted": (
        replace(learned(instance(), delayed(provision())), metadata=instance(deleting=True).metadata),
        {
            "Ready": ("False", "Deleting"),
            "Provisioned": ("False", "InProgress"),
            "Available": ("False", "NotProvisioned"),
            "Deprovisioned": ("False", "InProgress"),
        },
    ),
    "a provision that may have been launched keeps the cleanup waiting": (
        replace(learned(instance(), claimed(provision())), metadata=instance(deleting=True).metadata),
        {
            "Ready": ("False", "Deleting"),
            "Provisioned": ("False", "InProgress"),
            "Available": ("False", "NotProvisioned"),
            "Deprovisioned": ("False", LAUNCH_UNCONFIRMED),
        },
    ),
    "a spec that needs nothing any more has nothing to launch": (
        learned(instance(provision(1)), delayed(provision(2))),
        {
            "Ready": ("True", "Succeeded"),
            "Provisioned": ("True", "Succeeded"),
            "Available": ("True", "Provisioned"),
        },
    ),
}


ELSEWHERE = ("Progressing", "ConfigurationApplied")
"""Every instance has them: see test_outlook.py."""


def shown(status: ComputeInstanceStatus) -> Shown:
    conditions = (condition for condition in status.conditions if condition.type not in ELSEWHERE)
    return {condition.type: (condition.status, condition.reason) for condition in conditions}


def condition(status: ComputeInstanceStatus, type: str) -> Condition:
    return next(condition for condition in status.conditions if condition.type == type)


@pytest.mark.parametrize(("subject", "expected"), CONDITIONS.values(), ids=CONDITIONS)
def test_the_conditions(subject: ComputeInstance, expected: Shown) -> None:
    assert shown(project(subject, (), NOW, POLICY)) == expected


def test_every_condition_says_of_which_generation_it_speaks() -> None:
    status = project(instance(generation=7), (), NOW, POLICY)
    assert status.observed_generation == 7
    assert {condition.observed_generation for condition in status.conditions} == {7}


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    before = project(instance(provision(state=RUNNING)), (), LONG_AGO, POLICY)
    failed = instance(provision(state=FAILED))
    after = project(replace(failed, status=replace(before, jobs=failed.jobs)), (), NOW, POLICY)
    assert condition(after, "Ready").reason == "JobFailed"
    assert condition(after, "Ready").last_transition_time == LONG_AGO


def test_a_condition_gets_a_new_time_when_its_status_changes() -> None:
    before = project(instance(), (), LONG_AGO, POLICY)
    after = project(replace(instance(), status=before), [happened(provision())], NOW, POLICY)
    assert condition(after, "Ready").last_transition_time == NOW


def test_a_condition_without_a_time_gets_one() -> None:
    bare = {"conditions": [{"type": "Ready", "status": "False"}]}
    assert condition(project(instance(status=bare), (), NOW, POLICY), "Ready").last_transition_time == NOW


def test_conditions_of_others_stay_as_they_are() -> None:
    theirs = {"type": "RestartRequired", "status": "False", "message": "theirs"}
    status = project(instance(status={"conditions": [theirs]}), (), NOW, POLICY)
    assert msgspec.to_builtins(condition(status, "RestartRequired")) == theirs


def test_the_cleanup_names_the_job_that_it_waits_for() -> None:
    running = provision(1, RUNNING, job_id="4711", message="Job running: being canceled")
    status = project(instance(running, deleting=True), (), NOW, POLICY)
    text = "Provision job 4711 has to end first: Job running: being canceled"
    assert condition(status, "Deprovisioned").message == text


def test_a_cleanup_after_which_something_was_made_begins_anew() -> None:
    status = project(instance(deprovision(1), provision(2), deleting=True), (), NOW, POLICY)
    assert condition(status, "Deprovisioned").message == "Waiting for a job"


def test_the_text_of_a_failure_goes_with_the_recovery() -> None:
    failed = reported(instance(provision(1, FAILED, attempt=5, message="disk full", reason="NoSpace")))
    recovered = project(failed, [happened(provision(2, attempt=6))], NOW, POLICY)
    assert "Stalled" not in shown(recovered)
    assert all("disk full" not in condition.message for condition in recovered.conditions)


def test_the_reason_of_a_failed_job_goes_with_its_spec() -> None:
    failed = reported(instance(provision(1, FAILED, reason="VariablesIgnored")))
    changed = replace(failed, spec=instance(spec=B).spec)
    assert shown(project(changed, (), NOW, POLICY))["Provisioned"] == ("False", "InProgress")


def test_a_job_replaces_the_reason_why_it_was_not_there() -> None:
    waiting = learned(instance(), delayed(provision(1, revision=2)))
    status = project(waiting, [happened(provision(1, PENDING, revision=4))], NOW, POLICY)
    assert status.launch is None
    assert shown(status)["Provisioned"] == ("False", "InProgress")


def test_an_older_delay_that_is_delivered_again_changes_nothing() -> None:
    older = delayed(provision(1, revision=2), "ProviderUnreachable", "no route")
    newer = delayed(provision(1, revision=4), "TemplateNotFound", "no such template")
    waiting = learned(instance(), older, newer)
    assert waiting.status.launch is not None
    assert waiting.status.launch.reason == "TemplateNotFound"
    assert project(waiting, [older], NOW, POLICY) == waiting.status
    assert project(waiting, [claimed(provision(1, revision=3))], NOW, POLICY) == waiting.status


def test_a_delay_of_a_job_that_ran_long_ago_changes_nothing() -> None:
    ready = reported(instance(provision(1), provision(2)))
    assert (
        project(ready, [delayed(provision(2, revision=2)), claimed(provision(1))], NOW, POLICY)
        == ready.status
    )


def test_a_launch_that_goes_well_says_nothing() -> None:
    fresh = claimed(provision(timestamp=NOW - timedelta(seconds=1)))
    assert project(instance(), [fresh], NOW, POLICY) == project(instance(), (), NOW, POLICY)


def test_a_delay_without_a_reason_still_has_one_word() -> None:
    status = project(instance(), [delayed(provision(), reason="")], NOW, POLICY)
    assert shown(status)["Provisioned"] == ("False", "Delayed")


@pytest.mark.parametrize("subject", [case[0] for case in CONDITIONS.values()], ids=CONDITIONS)
def test_conditions_that_are_written_once_are_not_written_again(subject: ComputeInstance) -> None:
    once = project(subject, (), NOW, POLICY)
    later = project(replace(subject, status=once), (), NOW + timedelta(minutes=1), POLICY)
    assert status_patch(once, later) == {}
