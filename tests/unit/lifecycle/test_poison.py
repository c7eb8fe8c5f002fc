"""Whatever can be read can be decided on, projected and judged: no odd value in it is a crash."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudkit.contracts.errors import Malformed
from cloudkit.contracts.events import JobEventName, read_event
from cloudkit.contracts.instance import (
    ABANDON_ANNOTATION,
    FINALIZER,
    PROVIDER_ANNOTATION,
    RECONCILED_ANNOTATION,
    read_instance,
)
from cloudkit.contracts.intents import Deprovision, Provision, encode_intent, read_intent
from cloudkit.contracts.jobs import Provider
from cloudkit.lifecycle.claims import judge
from cloudkit.lifecycle.decide import decide
from cloudkit.lifecycle.notices import notices
from cloudkit.lifecycle.orphans import may_leave_a_machine, orphan
from cloudkit.lifecycle.policy import Policy
from cloudkit.lifecycle.project import project, status_patch
from unit.lifecycle.specimens import BOTH, NOW
from unit.poison import poisoned, spoiled

POLICY = Policy(provider=Provider.AAP, providers=BOTH)
TIME = "2026-01-02T03:04:05Z"
FAILED = {
    "type": "provision",
    "state": "Failed",
    "timestamp": TIME,
    "number": 1,
    "revision": 2,
    "jobID": "12",
    "provider": "aap",
    "kind": "job",
    "attempt": 2,
    "configVersion": "v1",
    "startedAt": TIME,
    "finishedAt": TIME,
    "reason": "JobPurged",
    "message": "why",
}
RUNNING = {key: value for key, value in FAILED.items() if key != "finishedAt"} | {"state": "Running"}
OF_EDA = RUNNING | {"state": "Unknown", "provider": "eda", "jobID": "eda-webhook-1", "awaits": "v9"}
THEIRS = {key: value for key, value in RUNNING.items() if key not in ("number", "revision")}


def resource(*jobs: dict[str, Any], deleting: bool = False, provider: str = "aap") -> dict[str, Any]:
    """One whose every field says something."""
    annotations = {PROVIDER_ANNOTATION: provider, RECONCILED_ANNOTATION: "v1", ABANDON_ANNOTATION: "9"}
    return {
        "metadata": {
            "name": "vm",
            "namespace": "ns",
            "uid": "u-1",
            "creationTimestamp": TIME,
            "resourceVersion": "5",
            "generation": 2,
            "finalizers": [FINALIZER],
            "annotations": annotations,
            **({"deletionTimestamp": TIME} if deleting else {}),
        },
        "spec": {"vcpu": 2, "restartRequestedAt": TIME},
        "status": {
            "phase": "Failed",
            "jobs": list(jobs),
            "conditions": [
                {"type": "Provisioned", "status": "False", "reason": "X", "lastTransitionTime": TIME}
            ],
            "launch": {"number": 3, "revision": 1, "type": "provision", "reason": "X", "message": "y"},
            "provisionJob": {"id": "12", "state": "Failed", "message": "m"},
            "desiredConfigVersion": "v",
            "nextRetryAt": TIME,
            "lastRestartedAt": TIME,
        },
    }


RESOURCES = {
    "of a job that failed": resource(FAILED),
    "of a job that runs while it is deleted": resource(RUNNING, deleting=True),
    "of a job of EDA": resource(OF_EDA, provider="eda"),
    "of a job of EDA that a deletion waits for": resource(OF_EDA, deleting=True, provider="eda"),
    "of jobs of another controller": resource(THEIRS, THEIRS),
    "of several jobs": resource(FAILED, {**OF_EDA, "number": 2}, {**RUNNING, "number": 3}),
}
EVENT = {"event": "running", "instance": {"namespace": "ns", "name": "vm", "uid": "u-1"}, "job": RUNNING}
WISH: dict[str, Any] = json.loads(
    encode_intent(
        Provision(
            instance=read_instance(json.dumps(resource()).encode()).ref,
            born=NOW,
            number=2,
            newest=read_event(json.dumps(EVENT).encode()).job,
            config_version="v1",
            attempt=1,
            resource={"spec": {}},
        )
    )
)


def live_with(body: bytes) -> None:
    """All that is done with a resource, if it can be read."""
    instance = read_instance(body)
    for _, intent in decide(instance, NOW, POLICY).intents:
        assert read_intent(encode_intent(intent)) == intent
    may_leave_a_machine(instance)
    status = project(instance, (), NOW, POLICY)
    msgspec.json.encode(status_patch(instance.status, status))
    notices(instance, status)


def learn_from(body: bytes) -> None:
    """All that is done with an event, if it can be read."""
    event = read_event(body)
    instance = read_instance(json.dumps(RESOURCES["of several jobs"]).encode())
    status = project(instance, (event,), NOW, POLICY)
    msgspec.json.encode(status_patch(instance.status, status))
    notices(instance, status)
    decide(msgspec.structs.replace(instance, status=status), NOW, POLICY)
    orphan((event,))
    wish = read_intent(json.dumps(WISH).encode())
    assert isinstance(wish, Provision)
    for of_uid, foreign in ((event, None), (None, event)):
        judge(wish, of_uid, foreign, provider=Provider.AAP, now=NOW, eda_patience=timedelta(seconds=5))


def judge_of(body: bytes) -> None:
    """All that is done with a wish before anything is claimed, if it can be read."""
    wish, event = read_intent(body), read_event(json.dumps(EVENT).encode())
    if isinstance(wish, Provision | Deprovision):
        judge(wish, event, None, provider=Provider.AAP, now=NOW, eda_patience=timedelta(seconds=5))


def each(good: dict[str, Any], use: Callable[[bytes], None]) -> None:
    for body in spoiled(good):
        with suppress(Malformed):
            use(body)


@pytest.mark.parametrize("good", RESOURCES.values(), ids=RESOURCES)
def test_no_odd_value_in_a_resource_is_a_crash(good: dict[str, Any]) -> None:
    """A naive time in it, and the year 9999, once were."""
    each(good, live_with)


@pytest.mark.parametrize("name", JobEventName)
def test_no_odd_value_in_an_event_is_a_crash(name: str) -> None:
    each({**EVENT, "event": name}, learn_from)


def test_no_odd_value_in_a_wish_is_a_crash() -> None:
    each(WISH, judge_of)


@given(st.sampled_from(list(RESOURCES.values())).flatmap(poisoned))
def test_no_accidents_that_come_together_in_a_resource_are_a_crash(body: bytes) -> None:
    with suppress(Malformed):
        live_with(body)


@given(poisoned(EVENT))
def test_no_accidents_that_come_together_in_an_event_are_a_crash(body: bytes) -> None:
    with suppress(Malformed):
        learn_from(body)


def test_an_eda_job_of_the_year_9999_is_waited_for_and_is_no_crash() -> None:
    for deleting in (False, True):
        never = resource({**OF_EDA, "timestamp": "9999-12-31T23:59:59Z"}, deleting=deleting, provider="eda")
        live_with(json.dumps(never).encode())
