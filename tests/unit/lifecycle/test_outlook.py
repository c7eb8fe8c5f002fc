"""What comes next, and whether the machine has the spec as it is now, in every state."""

import shlex
from datetime import timedelta

import pytest
from msgspec.structs import replace

from cloudkit.contracts.instance import ComputeInstanceStatus
from cloudkit.contracts.jobs import JobState
from cloudkit.lifecycle.policy import Policy
from cloudkit.lifecycle.project import project
from cloudkit.lifecycle.work import OUT_OF_REACH
from unit.lifecycle.specimens import (
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
from unit.lifecycle.states import STATES

Said = tuple[str, str, str]
"""Status, reason and message of a condition."""

ANNOTATE = "kubectl annotate computeinstance vm -n ns"
TRY_AGAIN = f'{ANNOTATE} --overwrite cloudkit.openshift.io/retry-requested-at="$(date +%s)"'
ABANDON = f'{ANNOTATE} --overwrite cloudkit.openshift.io/abandon-job="1"'
RESUME = f"{ANNOTATE} cloudkit.openshift.io/paused-"
DELETE = "kubectl delete computeinstance vm -n ns"
MAKE_ANEW = "kubectl get computeinstance vm -n ns -o yaml | kubectl replace --force -f -"
MANAGE = f"{ANNOTATE} cloudkit.openshift.io/management-state-"


def active(text: str) -> Said:
    return "True", "JobActive", text


def launching(verb: str, attempt: int = 1) -> Said:
    text = f"A job that {verb} the machine is about to be launched (attempt {attempt} of 5)"
    return "True", "Launching", text


PROVISIONING, REMOVING = launching("provisions"), launching("removes")
AT_REST_AFTERWARDS = f"; nothing is started after it until it is resumed: {RESUME}"
LOOKED_FOR = "The launch of provision job 1 was sent and is not confirmed yet; it is looked for"
AWAITED = (
    "Waiting for what the playbook of provision job eda-webhook-1 leaves on the resource, until "
    "2026-01-02 13:59:30 UTC at the longest (attempt 1 of 5)"
)
RUNNING = active("Provision job 101 is running (attempt 1 of 5)")
TRIED_UNTIL_IT_WORKS = ("True", "TemplateNotFound", 'Tried again until it works: AAP has no template "make"')
BACKING_OFF = (
    "True",
    "BackingOff",
    f"Attempt 2 of 5 comes at 2026-01-02 12:01:30 UTC; to try at once: {TRY_AGAIN}",
)
RELEASING = ("True", "Releasing", "The machine is gone; the resource goes once no finalizer holds it")
SETTLED = ("False", "Settled", "The machine is as the spec asks; nothing is left to do")
AT_REST = ("False", "Paused", f"Nothing is started until it is resumed: {RESUME}")
LEFT_TO_PEOPLE = ("False", "Unmanaged", f"People look after it; to have the spec applied: {MANAGE}")

PROGRESSING: dict[str, Said] = {
    "new": PROVISIONING,
    "its launch unconfirmed": ("True", "LaunchUnconfirmed", f"{LOOKED_FOR}, and sent again if it was lost"),
    "its template unknown": TRIED_UNTIL_IT_WORKS,
    "its job pending": active("Provision job 101 is pending (attempt 1 of 5)"),
    "its job running": RUNNING,
    "its job in a state that nobody knows": active(
        "Nobody can say how provision job 101 stands; its provider is asked again (attempt 1 of 5)"
    ),
    "its EDA playbook awaited": active(AWAITED),
    "settled": SETTLED,
    "spec changed": PROVISIONING,
    "newer spec being applied": active("Provision job 102 is running (attempt 1 of 5)"),
    "newer spec failed": BACKING_OFF,
    "spec taken back while the newer is being applied": active(
        "Provision job 102 is running (attempt 1 of 5); then the spec as it is now is applied"
    ),
    "spec changed while its job runs": active(
        "Provision job 101 is running (attempt 1 of 5); then the spec as it is now is applied"
    ),
    "failed": BACKING_OFF,
    "failed, then its spec changed": PROVISIONING,
    "failed for the last time, then asked again": PROVISIONING,
    "failed, and tried again": active("Provision job 102 is running (attempt 2 of 5)"),
    "failed for the last time": (
        "False",
        "AttemptsUsedUp",
        f"Provision failed 5 times. Waiting for a new spec, or for: {TRY_AGAIN} (the last time: disk full)",
    ),
    "canceled in AAP": (
        "False",
        "Canceled",
        f"Job 101 was canceled in AAP. Waiting for a new spec, or for: {TRY_AGAIN}",
    ),
    "restart wanted": launching("restarts"),
    "restart wanted before the first job": PROVISIONING,
    "restart wanted while its job runs": active(
        "Provision job 101 is running (attempt 1 of 5); then the machine is restarted"
    ),
    "being restarted": active("Provision job 102 is running (attempt 1 of 5)"),
    "restart failed": BACKING_OFF,
    "restarted": SETTLED,
    "restored from a backup, its machine removed": (
        "False",
        "RemovedAndRestored",
        "Job 102 has removed its machine, and then the resource came back from a backup. If nobody wants it: "
        f"{DELETE}; for a new machine: {MAKE_ANEW}",
    ),
    "restored from a backup, its machine being removed": active(
        "Deprovision job 102 is running (attempt 1 of 5)"
    ),
    "unmanaged, new": LEFT_TO_PEOPLE,
    "unmanaged, settled": SETTLED,
    "unmanaged, spec changed": LEFT_TO_PEOPLE,
    "unmanaged, its job running": RUNNING,
    "paused, new": AT_REST,
    "paused, its launch unconfirmed": (
        "True",
        "LaunchUnconfirmed",
        f"{LOOKED_FOR}, and nothing is started until it is resumed: {RESUME}",
    ),
    "paused, its template unknown": AT_REST,
    "paused, its job running": active(f"Provision job 101 is running (attempt 1 of 5){AT_REST_AFTERWARDS}"),
    "paused, its EDA playbook awaited": active(f"{AWAITED}{AT_REST_AFTERWARDS}"),
    "paused, settled": SETTLED,
    "paused, spec changed": AT_REST,
    "paused, failed": AT_REST,
    "paused, failed for the last time": AT_REST,
    "paused, restart wanted": AT_REST,
    "deleted": REMOVING,
    "deleted before its first job": REMOVING,
    "deleted, its provision job running": active(
        "Provision job 101 is running (attempt 1 of 5); then the machine is removed"
    ),
    "deleted, its provision job not ours to cancel": (
        "True",
        "CancelForbidden",
        "Nobody lets us cancel job 101",
    ),
    "deleted after a failure": REMOVING,
    "deleted, its EDA playbook awaited": (
        "True",
        "AwaitingPlaybook",
        "The playbook of job 1 may be at work; waiting until 2026-01-02 12:14:30 UTC; "
        f"if it surely is not: {ABANDON}",
    ),
    "deleted, its launch unconfirmed": (
        "True",
        "LaunchUnconfirmed",
        f"{LOOKED_FOR}, and sent again if it was lost",
    ),
    "deleted, its template unknown": TRIED_UNTIL_IT_WORKS,
    "deleted, being removed": active("Deprovision job 102 is running (attempt 1 of 5)"),
    "deleted, removal failed": BACKING_OFF,
    "deleted, removal failed for the last time": (
        "False",
        "AttemptsUsedUp",
        f"Deprovision failed 5 times. Waiting for this: {TRY_AGAIN} (the last time: disk busy)",
    ),
    "deleted, removal canceled in AAP": (
        "False",
        "Canceled",
        f"Job 102 was canceled in AAP. Waiting for this: {TRY_AGAIN}",
    ),
    "deleted, out of EDA's reach": ("False", "NoPlaybookFinalizer", OUT_OF_REACH),
    "deleted, removed": RELEASING,
    "deleted, something made after its removal": launching("removes", attempt=2),
    "deleted and paused": AT_REST,
    "deleted and paused, its provision job running": active(
        f"Provision job 101 is running (attempt 1 of 5){AT_REST_AFTERWARDS}"
    ),
    "deleted and paused, being removed": active(
        f"Deprovision job 102 is running (attempt 1 of 5){AT_REST_AFTERWARDS}"
    ),
    "deleted and paused, removal failed": AT_REST,
    "deleted and paused, removed": RELEASING,
}

APPLIED = ("True", "Applied", f"The machine has version {version(A)} of the spec")
NOT_PROVISIONED = ("False", "NotProvisioned", "No job has made a machine yet")
DEPROVISIONED = ("False", "Deprovisioned", "A job is removing the machine, or has")
HAS_A_NOT_B = f"The machine has version {version(A)} of the spec, which is {version(B)} now"

CONFIGURATION_APPLIED: dict[str, Said] = {
    "new": NOT_PROVISIONED,
    "its launch unconfirmed": NOT_PROVISIONED,
    "its template unknown": NOT_PROVISIONED,
    "its job pending": NOT_PROVISIONED,
    "its job running": NOT_PROVISIONED,
    "its job in a state that nobody knows": NOT_PROVISIONED,
    "its EDA playbook awaited": NOT_PROVISIONED,
    "settled": APPLIED,
    "spec changed": ("False", "InProgress", HAS_A_NOT_B),
    "newer spec being applied": ("False", "InProgress", HAS_A_NOT_B),
    "newer spec failed": ("False", "JobFailed", HAS_A_NOT_B),
    "spec taken back while the newer is being applied": (
        "False",
        "InProgress",
        "Job 102 may have left the machine with another version of the spec",
    ),
    "spec changed while its job runs": NOT_PROVISIONED,
    "failed": NOT_PROVISIONED,
    "failed, then its spec changed": NOT_PROVISIONED,
    "failed for the last time, then asked again": NOT_PROVISIONED,
    "failed, and tried again": NOT_PROVISIONED,
    "failed for the last time": NOT_PROVISIONED,
    "canceled in AAP": NOT_PROVISIONED,
    "restart wanted": APPLIED,
    "restart wanted before the first job": NOT_PROVISIONED,
    "restart wanted while its job runs": NOT_PROVISIONED,
    "being restarted": APPLIED,
    "restart failed": APPLIED,
    "restarted": APPLIED,
    "restored from a backup, its machine removed": DEPROVISIONED,
    "restored from a backup, its machine being removed": DEPROVISIONED,
    "unmanaged, new": NOT_PROVISIONED,
    "unmanaged, settled": APPLIED,
    "unmanaged, spec changed": ("False", "Unmanaged", HAS_A_NOT_B),
    "unmanaged, its job running": NOT_PROVISIONED,
    "paused, new": NOT_PROVISIONED,
    "paused, its launch unconfirmed": NOT_PROVISIONED,
    "paused, its template unknown": NOT_PROVISIONED,
    "paused, its job running": NOT_PROVISIONED,
    "paused, its EDA playbook awaited": NOT_PROVISIONED,
    "paused, settled": APPLIED,
    "paused, spec changed": ("False", "Paused", HAS_A_NOT_B),
    "paused, failed": NOT_PROVISIONED,
    "paused, failed for the last time": NOT_PROVISIONED,
    "paused, restart wanted": APPLIED,
    "deleted": APPLIED,
    "deleted before its first job": NOT_PROVISIONED,
    "deleted, its provision job running": NOT_PROVISIONED,
    "deleted, its provision job not ours to cancel": NOT_PROVISIONED,
    "deleted after a failure": NOT_PROVISIONED,
    "deleted, its EDA playbook awaited": NOT_PROVISIONED,
    "deleted, its launch unconfirmed": NOT_PROVISIONED,
    "deleted, its template unknown": APPLIED,
    "deleted, being removed": DEPROVISIONED,
    "deleted, removal failed": DEPROVISIONED,
    "deleted, removal failed for the last time": DEPROVISIONED,
    "deleted, removal canceled in AAP": DEPROVISIONED,
    "deleted, out of EDA's reach": APPLIED,
    "deleted, removed": DEPROVISIONED,
    "deleted, something made after its removal": DEPROVISIONED,
    "deleted and paused": APPLIED,
    "deleted and paused, its provision job running": NOT_PROVISIONED,
    "deleted and paused, being removed": DEPROVISIONED,
    "deleted and paused, removal failed": DEPROVISIONED,
    "deleted and paused, removed": DEPROVISIONED,
}


def said(status: ComputeInstanceStatus, type: str) -> Said:
    [found] = [condition for condition in status.conditions if condition.type == type]
    return found.status, found.reason, found.message


def test_every_state_is_told_of() -> None:
    assert set(PROGRESSING) == set(CONFIGURATION_APPLIED) == set(STATES)


@pytest.mark.parametrize("state", STATES)
def test_it_says_what_comes_next_or_what_a_person_can_do(state: str) -> None:
    assert said(STATES[state][0].status, "Progressing") == PROGRESSING[state]


@pytest.mark.parametrize("state", STATES)
def test_it_says_whether_the_machine_has_the_spec_as_it_is_now(state: str) -> None:
    assert said(STATES[state][0].status, "ConfigurationApplied") == CONFIGURATION_APPLIED[state]


@pytest.mark.parametrize("state", STATES)
def test_what_waits_for_a_person_is_not_said_to_go_on_by_itself(state: str) -> None:
    conditions = {condition.type: condition for condition in STATES[state][0].status.conditions}
    if "Stalled" in conditions:
        assert conditions["Progressing"].status == "False"


@pytest.mark.parametrize("command", [TRY_AGAIN, ABANDON, RESUME, MANAGE])
def test_a_command_is_one_that_a_shell_takes_as_it_is(command: str) -> None:
    words = shlex.split(command)
    assert words[:6] == ["kubectl", "annotate", "computeinstance", "vm", "-n", "ns"]
    assert words[-1].startswith("cloudkit.openshift.io/")


def test_the_command_stays_whole_however_long_names_and_reasons_are() -> None:
    failed = instance(provision(5, JobState.FAILED, attempt=5, message="x" * 2048))
    names = replace(failed.metadata, name="n" * 253, namespace="s" * 63)
    status = project(replace(failed, metadata=names), (), NOW, POLICY)
    command = TRY_AGAIN.replace(" vm ", f" {'n' * 253} ").replace(" ns ", f" {'s' * 63} ")
    assert command in said(status, "Progressing")[2]


def test_both_commands_for_what_came_back_stay_whole_however_long_names_are() -> None:
    restored = instance(provision(1), deprovision(2))
    names = replace(restored.metadata, name="n" * 253, namespace="s" * 63)
    status = project(replace(restored, metadata=names), (), NOW, POLICY)
    assert said(status, "Stalled")[2].endswith("-o yaml | kubectl replace --force -f -")
    assert said(status, "Ready") == ("False", *said(status, "Stalled")[1:])


def test_a_cleanup_that_was_not_launched_when_the_backup_was_restored_is_told_of() -> None:
    status = learned(instance(provision(1)), delayed(deprovision(2))).status
    assert status.phase == "Failed"
    assert said(status, "Stalled")[2].startswith("The removal of its machine had begun when")


def test_a_newer_spec_leaves_the_machine_available_while_it_is_applied() -> None:
    status = STATES["newer spec being applied"][0].status
    assert status.phase == "Progressing"
    assert said(status, "Available")[0] == "True"
    assert said(status, "ConfigurationApplied")[0] == "False"


def test_the_time_of_the_next_try_is_that_of_the_message_with_the_jitter_in_it() -> None:
    status = project(instance(provision(state=JobState.FAILED)), (), NOW, Policy())
    assert status.next_retry_at is not None
    assert f"{status.next_retry_at:%Y-%m-%d %H:%M:%S} UTC" in said(status, "Progressing")[2]
    assert timedelta(seconds=90) < status.next_retry_at - NOW < timedelta(seconds=102)


NO_NEXT_TRY = (
    "failed for the last time",
    "canceled in AAP",
    "failed, and tried again",
    "paused, failed",
    "deleted and paused, removal failed",
    "settled",
)


@pytest.mark.parametrize("state", NO_NEXT_TRY)
def test_where_no_try_comes_by_itself_no_time_is_told(state: str) -> None:
    assert STATES[state][0].status.next_retry_at is None


@pytest.mark.parametrize("attempt", [1, 5])
@pytest.mark.parametrize("ended", [JobState.FAILED, JobState.CANCELED])
def test_a_recovery_leaves_no_text_of_the_failure(ended: JobState, attempt: int) -> None:
    job = provision(1, ended, attempt=attempt, message="disk full", reason="NoSpace")
    failed = reported(instance(job))
    assert "NoSpace" in str(failed.status.conditions) or ended is JobState.CANCELED
    for state in (JobState.PENDING, JobState.RUNNING, JobState.SUCCEEDED):
        conditions = str(project(failed, [happened(provision(2, state))], NOW, POLICY).conditions)
        assert "disk full" not in conditions
        assert "NoSpace" not in conditions
        assert "Stalled" not in conditions


def test_a_cleanup_that_succeeds_in_the_end_leaves_no_text_of_its_failures() -> None:
    failed = reported(instance(deprovision(1, JobState.FAILED, message="disk busy"), deleting=True))
    assert "disk busy" in str(failed.status.conditions)
    assert "disk busy" not in str(project(failed, [happened(deprovision(2))], NOW, POLICY).conditions)
