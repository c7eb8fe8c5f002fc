"""While an instance is paused nothing is started; what runs is followed, and afterwards it goes on."""

from typing import Any

import pytest
from msgspec.structs import replace

from cloudkit.contracts.instance import MANAGEMENT_ANNOTATION, PAUSED_ANNOTATION, ComputeInstance
from cloudkit.contracts.intents import Cancel, Deprovision, Provision, Reconcile
from cloudkit.contracts.jobs import JobState
from cloudkit.lifecycle.decide import Decision, Write, decide
from cloudkit.lifecycle.project import project
from unit.lifecycle.everything import BOTH_RUN, everything, some
from unit.lifecycle.specimens import LONG_AGO, NOW, POLICY, B, deprovision, instance, provision, reported

PAUSED = {PAUSED_ANNOTATION: "true"}


def paused(subject: ComputeInstance) -> ComputeInstance:
    annotations = {**subject.metadata.annotations, **PAUSED}
    return replace(subject, metadata=replace(subject.metadata, annotations=annotations))


def starts_something(decision: Decision) -> bool:
    return any(isinstance(intent, Provision | Deprovision | Cancel) for _, intent in decision.intents)


def asked(decision: Decision) -> list[str]:
    return [type(intent).__name__ for _, intent in decision.intents]


def test_a_paused_instance_starts_and_stops_nothing_in_any_situation() -> None:
    held_back = 0
    for subject in everything():
        assert not starts_something(decide(paused(subject), NOW, BOTH_RUN))
        held_back += starts_something(decide(subject, NOW, BOTH_RUN))
    assert held_back > 5_000


def test_what_was_asked_for_before_the_pause_is_withdrawn() -> None:
    for subject in some():
        assert decide(paused(subject), NOW, BOTH_RUN).withdraw


def test_nothing_is_withdrawn_that_is_not_paused_or_left_to_people() -> None:
    for subject in some():
        left_alone = MANAGEMENT_ANNOTATION in subject.metadata.annotations and not subject.deleting
        assert decide(subject, NOW, BOTH_RUN).withdraw == left_alone


def test_after_a_pause_it_goes_on_as_if_there_had_been_none() -> None:
    for subject in some():
        if not subject.adopted:
            continue
        after = reported(replace(reported(paused(subject), BOTH_RUN), metadata=subject.metadata), BOTH_RUN)
        before = reported(subject, BOTH_RUN)
        assert after.status == before.status
        assert decide(after, NOW, BOTH_RUN) == decide(before, NOW, BOTH_RUN)


def test_a_pause_hides_nothing_of_what_is_known() -> None:
    for subject in some():
        plain, held = (project(each, (), NOW, BOTH_RUN) for each in (subject, paused(subject)))
        assert (held.phase, held.jobs) == (plain.phase, plain.jobs)
        assert held.next_retry_at is None


FOLLOWED: dict[str, tuple[ComputeInstance, list[str]]] = {
    "a running job without news is asked for": (
        instance(provision(state=JobState.RUNNING, timestamp=LONG_AGO), annotations=PAUSED),
        ["Follow"],
    ),
    "so is the provision job of a deletion, which would be canceled otherwise": (
        instance(provision(state=JobState.RUNNING, timestamp=LONG_AGO), deleting=True, annotations=PAUSED),
        ["Follow"],
    ),
    "a new instance is adopted: its deletion must not be missed": (
        instance(finalizers=(), annotations=PAUSED),
        ["Reconcile"],
    ),
    "a machine that is gone is released": (
        instance(provision(1), deprovision(2), deleting=True, annotations=PAUSED),
        ["Reconcile"],
    ),
    "a changed spec waits": (instance(provision(), spec=B, annotations=PAUSED), []),
    "a deletion waits": (instance(provision(), deleting=True, annotations=PAUSED), []),
    "a failure waits, however long ago": (
        instance(provision(state=JobState.FAILED, timestamp=LONG_AGO), annotations=PAUSED),
        [],
    ),
}


@pytest.mark.parametrize(("subject", "expected"), FOLLOWED.values(), ids=FOLLOWED)
def test_what_goes_on_while_it_is_paused(subject: ComputeInstance, expected: list[str]) -> None:
    assert asked(decide(reported(subject), NOW, POLICY)) == expected


def test_a_paused_deletion_waits_says_so_and_is_done_afterwards() -> None:
    deleted = instance(provision(1), deleting=True)
    held = reported(paused(deleted))
    assert decide(held, NOW, POLICY).wake_at is None
    said = {condition.type: condition.reason for condition in held.status.conditions}
    assert (said["Progressing"], said["Deprovisioned"]) == ("Paused", "Paused")

    resumed = reported(replace(held, metadata=deleted.metadata))
    assert asked(decide(resumed, NOW, POLICY)) == ["Deprovision"]

    gone = instance(provision(1), deprovision(2), deleting=True)
    assert decide(reported(gone), NOW, POLICY).write is Write.RELEASE


@pytest.mark.parametrize("said", ["false", "", "yes", "TRUE?"])
def test_only_true_pauses(said: str) -> None:
    subject = reported(instance(annotations={PAUSED_ANNOTATION: said}))
    assert asked(decide(subject, NOW, POLICY)) == ["Provision"]


def test_a_pause_that_the_status_does_not_show_yet_is_written_into_it() -> None:
    settled: Any = reported(instance(provision(), spec=B))
    decision = decide(paused(settled), NOW, POLICY)
    assert [type(intent) for _, intent in decision.intents] == [Reconcile]
