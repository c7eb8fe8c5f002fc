"""What people wrote and nobody can follow: they are told, and it counts as not written."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from cloudkit.contracts.instance import (
    ABANDON_ANNOTATION,
    MANAGEMENT_ANNOTATION,
    PAUSED_ANNOTATION,
    PROVIDER_ANNOTATION,
    RESTART_FIELD,
    RETRY_ANNOTATION,
    ComputeInstance,
    ComputeInstanceStatus,
)
from cloudkit.contracts.intents import Deprovision, Provision
from cloudkit.contracts.jobs import JobState
from cloudkit.lifecycle.decide import Decision, decide
from cloudkit.lifecycle.finding import MISCONFIGURED
from cloudkit.lifecycle.mistakes import CHECKS
from cloudkit.lifecycle.policy import Policy
from cloudkit.lifecycle.project import project
from unit.lifecycle.specimens import BOTH, NOW, POLICY, A, B, deprovision, instance, provision, reported
from unit.lifecycle.states import EDA, UNMANAGED, webhook

POLICY_OF_BOTH = replace(POLICY, providers=BOTH)

BAD: dict[str, tuple[str, str, str]] = {
    "a provider that there is not": (
        PROVIDER_ANNOTATION,
        "aws",
        'there is no such provider; it may say "aap" or "eda" (CLOUDKIT_PROVIDERS), and counts as "aap"',
    ),
    "a provider in capitals": (
        PROVIDER_ANNOTATION,
        "EDA",
        'there is no such provider; it may say "aap" or "eda" (CLOUDKIT_PROVIDERS), and counts as "aap"',
    ),
    "a pause that is neither true nor false": (
        PAUSED_ANNOTATION,
        "yes",
        'it may say "true" or "false", and counts as "false"',
    ),
    "a management state that there is not": (
        MANAGEMENT_ANNOTATION,
        "manual",
        'it may say "managed" or "unmanaged", and counts as "managed"',
    ),
    "the name of a job instead of its number": (
        ABANDON_ANNOTATION,
        "eda-webhook-1",
        "it may hold the number of a job in status.jobs, and nothing is abandoned",
    ),
    "a number that no job can have": (
        ABANDON_ANNOTATION,
        "01",
        "it may hold the number of a job in status.jobs, and nothing is abandoned",
    ),
    "a number in digits of another script": (
        ABANDON_ANNOTATION,
        "\u0661",
        "it may hold the number of a job in status.jobs, and nothing is abandoned",
    ),
}

GOOD: dict[str, str] = {
    f"{name.split('/')[1]}={value!r}": f"{name}={value}"
    for name, values in {
        PROVIDER_ANNOTATION: ["aap", "eda", " eda ", ""],
        PAUSED_ANNOTATION: ["true", "false", "True", " true ", ""],
        MANAGEMENT_ANNOTATION: ["managed", "unmanaged", "Unmanaged", " ", ""],
        ABANDON_ANNOTATION: ["1", "12", " 1 ", ""],
        RETRY_ANNOTATION: ["2026-01-02T12:00:00+01:00", "x" * 64, ""],
    }.items()
    for value in values
}

SUBJECTS: dict[str, dict[str, Any]] = {
    "new": {"jobs": ()},
    "running": {"jobs": (provision(state=JobState.RUNNING),)},
    "awaited": {"jobs": (webhook(),)},
    "settled": {"jobs": (provision(),)},
    "changed": {"jobs": (provision(),), "spec": B},
    "failed": {"jobs": (provision(state=JobState.FAILED),)},
    "deleted": {"jobs": (provision(),), "deleting": True},
    "removed": {"jobs": (provision(1), deprovision(2)), "deleting": True},
}
over_subjects = pytest.mark.parametrize("subject", SUBJECTS)


def made(subject: str, annotations: dict[str, str] | None = None, **fields: Any) -> ComputeInstance:
    known = {**SUBJECTS[subject], **fields}
    return instance(*known.pop("jobs"), annotations=annotations, **known)


def told(status: ComputeInstanceStatus) -> tuple[str, str] | None:
    """Reason and message of the condition, if it is there."""
    found = [c for c in status.conditions if c.type == MISCONFIGURED]
    assert all(condition.status == "True" for condition in found)
    return (found[0].reason, found[0].message) if found else None


def of(subject: ComputeInstance, policy: Policy = POLICY_OF_BOTH) -> tuple[str, str] | None:
    return told(project(subject, (), NOW, policy))


def without_the_condition(status: ComputeInstanceStatus) -> ComputeInstanceStatus:
    return replace(status, conditions=tuple(c for c in status.conditions if c.type != MISCONFIGURED))


def apart_from_the_payload(decision: Decision) -> Decision:
    """*decision* without the resource, in which playbooks get every annotation as it is."""
    intents = tuple(
        (to, replace(said, resource=None) if isinstance(said, Provision | Deprovision) else said)
        for to, said in decision.intents
    )
    return replace(decision, intents=intents)


def assert_nothing_else_differs(wrong: ComputeInstance, plain: ComputeInstance) -> None:
    seen = reported(wrong, POLICY_OF_BOTH), reported(plain, POLICY_OF_BOTH)
    assert without_the_condition(seen[0].status) == seen[1].status
    decided = [apart_from_the_payload(decide(each, NOW, POLICY_OF_BOTH)) for each in seen]
    assert decided[0] == decided[1]


def test_there_is_a_bad_value_of_every_annotation_that_can_have_one() -> None:
    assert {name for name, _, _ in BAD.values()} | {RETRY_ANNOTATION} == set(CHECKS)


@pytest.mark.parametrize(("annotation", "value", "problem"), BAD.values(), ids=BAD)
def test_what_cannot_be_followed_is_told(annotation: str, value: str, problem: str) -> None:
    text = f'Annotation {annotation} says "{value}": {problem}'
    assert of(instance(annotations={annotation: value})) == ("InvalidAnnotation", text)


@over_subjects
@pytest.mark.parametrize(("annotation", "value", "_"), BAD.values(), ids=BAD)
def test_it_counts_as_not_written(annotation: str, value: str, _: str, subject: str) -> None:
    assert_nothing_else_differs(made(subject, {annotation: value}), made(subject))


@pytest.mark.parametrize("written", GOOD.values(), ids=GOOD)
def test_what_can_be_followed_is_no_mistake(written: str) -> None:
    annotation, value = written.split("=", 1)
    assert of(instance(annotations={annotation: value})) is None


def test_blanks_around_a_value_do_not_count() -> None:
    assert instance(annotations={PAUSED_ANNOTATION: " true\n"}).paused
    assert instance(annotations={MANAGEMENT_ANNOTATION: " unmanaged"}).unmanaged
    assert POLICY_OF_BOTH.provider_for(instance(annotations={PROVIDER_ANNOTATION: "eda "})) == "eda"


def test_a_provider_that_does_not_run_here_is_told_as_that() -> None:
    text = (
        f'Annotation {PROVIDER_ANNOTATION} says "aap": that provider does not run here; '
        'it may say "eda" (CLOUDKIT_PROVIDERS), and counts as "eda"'
    )
    assert of(instance(annotations={PROVIDER_ANNOTATION: "aap"}), EDA) == ("InvalidAnnotation", text)


@over_subjects
def test_of_a_request_that_is_too_long_the_beginning_counts(subject: str) -> None:
    long = {RETRY_ANNOTATION: "x" * 65}
    text = f'Annotation {RETRY_ANNOTATION} says "{"x" * 36} …": only its first 64 characters count'
    assert of(made(subject, long)) == ("InvalidAnnotation", text)
    assert_nothing_else_differs(made(subject, long), made(subject, {RETRY_ANNOTATION: "x" * 64}))


@pytest.mark.parametrize("wish", ["soon", "2026-01-02T12:00:00", "2026-01-02", 5, True, [], {}, ""], ids=repr)
def test_a_restart_at_no_point_in_time_is_told_and_not_made(wish: object) -> None:
    asked = instance(provision(), spec={**A, RESTART_FIELD: wish})
    text = f'Field spec.{RESTART_FIELD} says "{wish}": it may hold a time such as 2026-01-02T15:04:05Z'
    assert of(asked) == ("InvalidField", f"{text}, and nothing is restarted")
    assert_nothing_else_differs(asked, instance(provision()))


@pytest.mark.parametrize(
    "wish", ["2026-01-02T12:00:00Z", "2026-01-02T13:00:00+01:00", "2026-01-02T12:00:00.000000001Z"]
)
def test_a_restart_at_a_point_in_time_is_no_mistake(wish: str) -> None:
    asked = instance(provision(), spec={**A, RESTART_FIELD: wish})
    assert asked.restart_requested_at == datetime(2026, 1, 2, 12, tzinfo=UTC)
    assert of(asked) is None


def test_a_restart_of_an_instance_that_people_look_after_is_a_contradiction() -> None:
    asked = instance(provision(), spec={**A, RESTART_FIELD: NOW}, annotations=UNMANAGED)
    text = (
        f"Field spec.{RESTART_FIELD} asks for a restart, and annotation {MANAGEMENT_ANNOTATION} "
        'says "unmanaged": nothing is restarted'
    )
    assert of(asked) == ("Contradiction", text)
    assert decide(reported(asked), NOW, POLICY).intents == ()


def test_a_restart_that_was_made_before_people_took_over_is_no_contradiction() -> None:
    done = provision(1, restart_requested_at=NOW)
    asked = instance(done, spec={**A, RESTART_FIELD: NOW}, annotations=UNMANAGED)
    assert of(asked) is None


def test_every_mistake_is_told_at_once() -> None:
    wrong = {PAUSED_ANNOTATION: "yes", PROVIDER_ANNOTATION: "aws", **UNMANAGED}
    found = of(instance(provision(), spec={**A, RESTART_FIELD: NOW}, annotations=wrong))
    assert found is not None
    reason, message = found
    assert reason == "InvalidAnnotation"
    assert [word in message for word in ("paused", "aws", "nothing is restarted")] == [True, True, True]


def test_a_mistake_that_was_corrected_is_forgotten() -> None:
    wrong = reported(instance(provision(), annotations={PAUSED_ANNOTATION: "yes"}))
    assert told(wrong.status) is not None
    corrected = replace(wrong, metadata=instance().metadata)
    assert told(project(corrected, (), NOW + timedelta(minutes=1), POLICY)) is None
