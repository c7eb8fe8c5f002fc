"""Messages survive the journey, and readers survive newer writers."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from cloudkit.contracts.errors import Malformed
from cloudkit.contracts.events import JobEvent, JobEventName, encode_event, read_event
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import (
    Cancel,
    Confirm,
    Deprovision,
    Follow,
    Intent,
    Provision,
    Reconcile,
    encode_intent,
    read_intent,
    without_resource,
)
from cloudkit.contracts.jobs import JobKind, JobRecord, JobState, JobType, Provider

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
REF = InstanceRef("ns", "vm.one", "uid-1")
BARE = JobRecord(type=JobType.PROVISION, state=JobState.PENDING, timestamp=NOW)
FULL = JobRecord(
    type=JobType.DEPROVISION,
    state=JobState.FAILED,
    timestamp=NOW,
    block_deletion_on_failure=True,
    number=7,
    revision=3,
    attempt=2,
    provider=Provider.EDA,
    job_id="eda-webhook-7",
    kind=JobKind.WORKFLOW_JOB,
    config_version="v1-abc",
    retry_requested_at="now",
    template="remove vm & disk",
    launched_from=31,
    reason="JobPurged",
    message='Zürich said "no" …\n\x1b[0m',
    started_at=NOW,
    finished_at=NOW,
    claimant="claim-1",
    stray_id="4711",
)
INTENTS: list[Intent] = [
    Reconcile(instance=REF),
    Provision(
        instance=REF,
        born=NOW,
        number=1,
        newest=FULL,
        retry_requested_at="now",
        config_version="v1-abc",
        attempt=2,
        resource={"spec": {"vcpu": 2, "unknown": [None, 1.5, "é"]}},
    ),
    Deprovision(instance=REF, born=NOW, number=8, newest=None, attempt=1, resource={}),
    Deprovision(
        instance=REF, born=NOW, number=8, attempt=1, resource=None, oversize=2_000_000, size_limit=1_048_576
    ),
    Cancel(instance=REF, born=NOW, number=7, newest=FULL),
    Confirm(instance=REF, born=NOW, number=7, outcome=JobState.SUCCEEDED),
    Follow(instance=REF, born=NOW, number=7, newest=FULL),
]


@pytest.mark.parametrize("intent", INTENTS, ids=lambda intent: type(intent).__name__)
def test_an_intent_is_read_as_it_was_written(intent: Intent) -> None:
    assert read_intent(encode_intent(intent)) == intent


@pytest.mark.parametrize("job", [BARE, FULL], ids=["bare", "full"])
@pytest.mark.parametrize("name", JobEventName)
def test_an_event_is_read_as_it_was_written(name: JobEventName, job: JobRecord) -> None:
    event = JobEvent(event=name, instance=REF, job=job)
    assert read_event(encode_event(event)) == event


def with_more(value: Any) -> Any:
    """*value* as a newer writer would send it: every object has fields that nobody here knows."""
    if isinstance(value, dict):
        return {**{key: with_more(inner) for key, inner in value.items()}, "since-v9": [1]}
    return value


@pytest.mark.parametrize("intent", INTENTS, ids=lambda intent: type(intent).__name__)
def test_an_intent_of_a_newer_writer_is_understood(intent: Intent) -> None:
    newer = with_more(msgspec.to_builtins(intent))
    newer.pop("resource", None)  # Its fields are for the playbook, and all of them are kept.
    if isinstance(intent, Provision | Deprovision):
        newer["resource"] = intent.resource
    assert read_intent(msgspec.json.encode(newer)) == intent


class EarlierProvision(msgspec.Struct, tag="Provision"):
    """As it was before a resource could be too large for its message."""

    resource: dict[str, Any]


def test_a_reader_that_knows_no_missing_resources_refuses_the_intent_and_runs_no_empty_job() -> None:
    provision = next(intent for intent in INTENTS if isinstance(intent, Provision))
    small = encode_intent(without_resource(provision, size=2_000_000, limit=1_048_576))
    assert msgspec.json.decode(encode_intent(provision), type=EarlierProvision).resource == provision.resource
    with pytest.raises(msgspec.ValidationError, match="resource"):
        msgspec.json.decode(small, type=EarlierProvision)


def test_an_event_of_a_newer_writer_is_understood() -> None:
    event = JobEvent(event=JobEventName.FAILED, instance=REF, job=FULL)
    assert read_event(msgspec.json.encode(with_more(msgspec.to_builtins(event)))) == event


def test_an_event_of_an_older_writer_is_understood() -> None:
    job = {"type": "provision", "state": "Running", "timestamp": "2026-01-02T03:04:05Z"}
    instance = {"namespace": "ns", "name": "vm", "uid": "u"}
    body = msgspec.json.encode({"event": "running", "instance": instance, "job": job})
    assert read_event(body).job.provider is Provider.AAP


def test_whether_a_failure_blocks_the_deletion_is_always_written() -> None:
    assert msgspec.to_builtins(BARE)["blockDeletionOnFailure"] is False
    assert msgspec.to_builtins(FULL)["blockDeletionOnFailure"] is True


BROKEN = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b'{"type": "\xff"}',
    "a list": b"[]",
    "an unknown verb": b'{"type": "Explode"}',
    "an intent without its instance": b'{"type": "Reconcile"}',
    "an event without its job": b'{"event": "failed"}',
    "a bottomless pit": b"[" * 100_000,
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_garbage_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_intent(body)
    with pytest.raises(Malformed):
        read_event(body)


def test_an_error_says_where_and_why() -> None:
    with pytest.raises(Malformed, match=r"not a valid JobEvent: .*Melted.*\$\.job\.state"):
        read_event(
            b'{"event": "failed", "instance": {"namespace": "n", "name": "v", "uid": "u"},'
            b' "job": {"type": "provision", "state": "Melted", "timestamp": "2026-01-02T03:04:05Z"}}'
        )


CLOSED = {
    JobEventName.DELAYED,
    JobEventName.SUCCEEDED,
    JobEventName.FAILED,
    JobEventName.CANCELED,
    JobEventName.ABANDONED,
}


@pytest.mark.parametrize("name", JobEventName)
def test_which_events_close_a_job(name: JobEventName) -> None:
    assert JobEvent(event=name, instance=REF, job=BARE).closed is (name in CLOSED)


def test_a_job_adopted_after_its_end_is_closed() -> None:
    assert JobEvent(event=JobEventName.ADOPTED, instance=REF, job=FULL).closed


@pytest.mark.parametrize("state", JobState)
def test_which_states_close_a_job(state: JobState) -> None:
    terminal = {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED}
    assert msgspec.structs.replace(BARE, state=state).closed is (state in terminal)
    assert msgspec.structs.replace(BARE, state=state, finished_at=NOW).closed


def test_a_record_says_who_runs_it_and_which_attempt_it_is_even_when_it_is_the_usual() -> None:
    written = msgspec.to_builtins(BARE)
    assert (written["attempt"], written["provider"]) == (1, "aap")
    assert "reason" not in written
