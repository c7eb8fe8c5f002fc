"""Whatever arrives as a message or as a resource is read, or is malformed; nothing else."""

import json
import re
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudkit.contracts.errors import Malformed
from cloudkit.contracts.events import JobEvent, JobEventName, encode_event, read_event
from cloudkit.contracts.instance import InstanceRef, decode, read_instance, read_time
from cloudkit.contracts.intents import encode_intent, read_intent
from cloudkit.contracts.moments import LAST, later
from cloudkit.contracts.subjects import Addressee, intent_subject, job_subject
from unit.contracts.test_instance import JOB, METADATA
from unit.contracts.test_messages import FULL, INTENTS, NOW, REF
from unit.poison import garbage, poisoned

EVENT = json.loads(encode_event(JobEvent(event=JobEventName.FAILED, instance=REF, job=FULL)))
WISHES = [json.loads(encode_intent(intent)) for intent in INTENTS]
RESOURCE = {
    "metadata": {**METADATA, "annotations": {"a": "b"}, "finalizers": ["x"], "generation": 2},
    "spec": {"vcpu": 2, "restartRequestedAt": "2026-01-01T00:00:00Z"},
    "status": {"phase": "Ready", "jobs": [JOB], "conditions": [{"type": "Ready", "status": "True"}]},
}
TOKENS = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
"""What NATS takes as a subject and delivers where it should."""


@given(st.sampled_from(WISHES).flatmap(poisoned) | garbage)
def test_a_poisoned_intent_is_malformed_or_has_a_subject(body: bytes) -> None:
    with suppress(Malformed):
        intent = read_intent(body)
        assert TOKENS.fullmatch(intent_subject(Addressee.STATUS, intent.instance))
        assert read_intent(encode_intent(intent)) == intent


@given(poisoned(EVENT) | garbage)
def test_a_poisoned_event_is_malformed_or_has_a_subject(body: bytes) -> None:
    with suppress(Malformed):
        event = read_event(body)
        assert TOKENS.fullmatch(job_subject(event))
        assert read_event(encode_event(event)) == event


@given(poisoned(RESOURCE) | garbage)
def test_a_poisoned_resource_is_malformed_or_names_an_instance(body: bytes) -> None:
    with suppress(Malformed):
        instance = read_instance(body)
        assert TOKENS.fullmatch(intent_subject(Addressee.STATUS, instance.ref))
        assert all(job.number for job in instance.jobs if job.revision == 0)
        assert instance.restart_requested_at is None or instance.restart_requested_at.tzinfo


NO_NAMES = [
    "",
    ">",
    "*",
    "a b",
    "a\r\nPUB x 0\r\n",
    "../x",
    "a/b",
    "A",
    "-a",
    "a-",
    ".a",
    "vm\n",
    "a_b",
    "x" * 254,
    "ü",
]


@pytest.mark.parametrize("name", NO_NAMES)
@pytest.mark.parametrize("part", ["namespace", "name"])
def test_what_is_no_name_becomes_no_part_of_a_subject(part: str, name: str) -> None:
    """A name with a line end would be a command to NATS, one with a wildcard a purge of others."""
    instance = {"namespace": "ns", "name": "vm", "uid": "u", part: name}
    with pytest.raises(Malformed):
        read_intent(json.dumps({"type": "Reconcile", "instance": instance}).encode())
    with pytest.raises(Malformed):
        read_instance(json.dumps({"metadata": {**METADATA, part: name}}).encode())


@pytest.mark.parametrize("uid", ["", "u.v", "u v", "*", ">", "u\n", "x" * 129])
def test_what_is_no_uid_becomes_no_part_of_a_subject(uid: str) -> None:
    with pytest.raises(Malformed):
        decode(json.dumps({"namespace": "ns", "name": "vm", "uid": uid}).encode(), InstanceRef)


@pytest.mark.parametrize("name", ["vm", "vm.example.com", "0", "a--b", "x" * 253])
def test_names_of_kubernetes_are_names(name: str) -> None:
    ref = msgspec.convert({"namespace": "ns", "name": name, "uid": "0b5c-9"}, InstanceRef)
    assert ref.name == name


def with_time(good: dict[str, Any], part: str, field: str, time: str) -> bytes:
    return json.dumps({**good, part: {**good[part], field: time}}).encode()


@pytest.mark.parametrize("field", ["timestamp", "startedAt", "finishedAt"])
def test_a_time_without_its_offset_is_malformed_for_it_cannot_be_compared(field: str) -> None:
    read_event(with_time(EVENT, "job", field, "2026-01-01T00:00:00+02:00"))
    with pytest.raises(Malformed, match="timezone"):
        read_event(with_time(EVENT, "job", field, "2026-01-01T00:00:00"))


@pytest.mark.parametrize("field", ["creationTimestamp", "deletionTimestamp"])
def test_a_resource_with_a_time_without_its_offset_is_malformed(field: str) -> None:
    with pytest.raises(Malformed, match="timezone"):
        read_instance(with_time(RESOURCE, "metadata", field, "2026-01-01T00:00:00"))


def test_a_time_that_people_wrote_without_its_offset_is_none() -> None:
    assert read_time("2026-01-01T00:00:00") is None
    assert read_time("2026-01-01T00:00:00Z") is not None


def test_what_waits_for_longer_than_there_are_dates_waits_for_ever() -> None:
    assert later(LAST, LAST - NOW) == LAST
    assert later(NOW, LAST - NOW) == LAST
    assert later(NOW, NOW - NOW) == NOW
