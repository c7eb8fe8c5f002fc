"""What a decision carries: intents with all they need, and when to look again."""

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from cloudkit.contracts.errors import Malformed
from cloudkit.contracts.instance import (
    FINALIZER,
    MANAGEMENT_ANNOTATION,
    PROVIDER_ANNOTATION,
    RETRY_ANNOTATION,
    ComputeInstance,
)
from cloudkit.contracts.intents import Deprovision, Provision
from cloudkit.contracts.jobs import JobState
from cloudkit.lifecycle.decide import RULES, Write, decide
from unit.lifecycle.specimens import (
    LONG_AGO,
    NOW,
    POLICY,
    REF,
    B,
    deprovision,
    instance,
    provision,
    reported,
    version,
)

RUNNING, FAILED, CANCELED, UNKNOWN = JobState.RUNNING, JobState.FAILED, JobState.CANCELED, JobState.UNKNOWN
MINUTE = timedelta(minutes=1)
ASKED_AGAIN = {RETRY_ANNOTATION: "2026-01-02"}
UNMANAGED = {MANAGEMENT_ANNOTATION: "Unmanaged"}
ON_EDA = {PROVIDER_ANNOTATION: "eda"}


def test_what_is_asked_is_asked_again_after_a_minute() -> None:
    assert decide(reported(instance()), NOW, POLICY).wake_at == NOW + MINUTE


def test_a_running_job_is_looked_at_every_five_minutes() -> None:
    running = reported(instance(provision(state=RUNNING)))
    assert decide(running, NOW, POLICY).wake_at == NOW + 5 * MINUTE


@pytest.mark.parametrize(
    "waiting",
    [
        reported(instance(provision())),
        reported(instance(provision(state=CANCELED))),
        reported(instance(provision(state=FAILED, attempt=5))),
        instance(deleting=True, finalizers=()),
    ],
    ids=["settled", "canceled", "given up", "released"],
)
def test_what_waits_for_a_person_or_a_change_is_not_woken(waiting: ComputeInstance) -> None:
    assert decide(waiting, NOW, POLICY).wake_at is None


def test_a_provision_intent_says_what_to_launch() -> None:
    last = provision(1)
    subject = reported(instance(last, spec=B, annotations=ASKED_AGAIN))
    [(_, intent)] = decide(subject, NOW, POLICY).intents
    assert isinstance(intent, Provision)
    assert intent.instance == REF
    assert intent.born == LONG_AGO
    assert intent.newest == last
    assert intent.config_version == version(B)
    assert intent.retry_requested_at == "2026-01-02"
    assert intent.resource is not None
    assert intent.resource["spec"] == B
    assert intent.resource["status"]["desiredConfigVersion"] == version(B)


def test_a_deprovision_intent_says_what_to_remove() -> None:
    last = provision(1)
    [(_, intent)] = decide(reported(instance(last, deleting=True)), NOW, POLICY).intents
    assert isinstance(intent, Deprovision)
    assert (intent.number, intent.newest, intent.born) == (2, last, LONG_AGO)
    assert intent.resource is not None
    assert intent.resource["metadata"]["name"] == REF.name


def test_a_decision_says_why() -> None:
    assert decide(reported(instance(provision())), NOW, POLICY).because == "its spec is applied"


def test_a_spec_that_is_no_object_is_malformed() -> None:
    broken = replace(instance(), spec=msgspec.Raw(b"[]"))
    with pytest.raises(Malformed):
        decide(broken, NOW, POLICY)


def test_an_instance_without_our_finalizer_is_never_released() -> None:
    gone = reported(instance(provision(1), deprovision(2), deleting=True, finalizers=("somebody/else",)))
    assert decide(gone, NOW, POLICY).write is None


def test_the_finalizer_of_the_instance_is_ours_by_its_full_name() -> None:
    nearly = instance(finalizers=(FINALIZER + "-aap",))
    assert decide(nearly, NOW, POLICY).write is Write.ADOPT


def test_the_rules_stand_in_this_order() -> None:
    assert [rule.__name__ for rule in RULES] == [
        "leave_a_released_instance_alone",
        "leave_an_unmanaged_instance_to_people",
        "adopt_before_anything_runs",
        "believe_what_the_playbook_left",
        "abandon_what_people_gave_up",
        "let_a_playbook_finish_before_cleaning_up",
        "fail_what_left_nothing_in_time",
        "stop_what_runs_before_cleaning_up",
        "wait_for_the_active_job",
        "release_after_a_successful_cleanup",
        "leave_what_came_back_without_its_machine_to_people",
        "hold_what_nobody_here_can_remove",
        "let_playbooks_remove_what_aap_has_made",
        "start_nothing_while_it_is_paused",
        "leave_a_canceled_job_to_people",
        "stop_after_the_last_attempt",
        "wait_before_trying_again",
        "remove_the_machine",
        "provision_what_the_spec_asks_for",
        "leave_a_settled_instance_alone",
    ]
