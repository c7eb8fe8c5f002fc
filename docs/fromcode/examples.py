"""One message of each kind, as it travels: headers and body."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from cloudkit.contracts.cloudevents import event_headers, intent_headers
from cloudkit.contracts.events import JobEvent, JobEventName, encode_event
from cloudkit.contracts.instance import API_VERSION, KIND, InstanceRef
from cloudkit.contracts.intents import (
    Cancel,
    Confirm,
    Deprovision,
    Follow,
    Intent,
    Provision,
    Reconcile,
    encode_intent,
)
from cloudkit.contracts.jobs import JobKind, JobRecord, JobState, JobType
from cloudkit.contracts.subjects import Addressee, intent_subject, job_subject

BORN = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
REF = InstanceRef("default", "web", "7c9f1c6e-54a1-4b0f-9d3c-2f5a1e8b6d40")
VERSION = "v1-9ffdef5e572008b8"
RESOURCE: dict[str, Any] = {
    "apiVersion": API_VERSION,
    "kind": KIND,
    "metadata": {"namespace": REF.namespace, "name": REF.name, "uid": REF.uid},
    "spec": {"vcpu": 2, "memory": 4096, "disk": 20},
    "status": {"desiredConfigVersion": VERSION},
}
LISTENING = Path(__file__).parent / "listening.py"
"""A program of its own, which tests run."""
RUNNING = JobRecord(
    type=JobType.PROVISION,
    state=JobState.RUNNING,
    timestamp=BORN + timedelta(seconds=3),
    block_deletion_on_failure=True,
    number=1,
    revision=3,
    job_id="4711",
    kind=JobKind.JOB,
    config_version=VERSION,
    template="innabox-create-compute-instance",
    message="Job running",
    started_at=BORN + timedelta(seconds=2),
    claimant="2b1d8a4e-90c5-4b6e-8a35-1c0f6f8f7e21",
)
FAILED = msgspec.structs.replace(
    RUNNING,
    state=JobState.FAILED,
    timestamp=BORN + timedelta(seconds=34),
    revision=4,
    message="AAP job failed: Create virtual machine on localhost: exceeded quota",
    finished_at=BORN + timedelta(seconds=33),
)


@dataclass(frozen=True)
class Example:
    """A message on *subject*."""

    subject: str
    headers: dict[str, str]
    body: bytes

    @property
    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = json.loads(self.body)
        return payload


def intents() -> dict[str, Example]:
    """An example of every intent, by its name."""
    about: dict[str, Any] = {"instance": REF, "born": BORN, "number": 1}
    asked: dict[Addressee, list[Intent]] = {
        Addressee.STATUS: [Reconcile(instance=REF)],
        Addressee.AAP: [
            Provision(**about, config_version=VERSION, attempt=1, resource=RESOURCE),
            Deprovision(**about | {"number": 2, "newest": FAILED}, attempt=1, resource=RESOURCE),
            Cancel(**about, newest=RUNNING),
            Follow(**about, newest=RUNNING),
        ],
        Addressee.EDA: [Confirm(**about, outcome=JobState.SUCCEEDED)],
    }
    return {
        type(intent).__name__: _intent(addressee, intent)
        for addressee, group in asked.items()
        for intent in group
    }


def _intent(addressee: Addressee, intent: Intent) -> Example:
    headers = intent_headers(
        intent, id="0d2c4d7a-2c1e-4d63-9a53-b8b4a2f3c901", source="watcher", time=BORN + timedelta(seconds=1)
    )
    return Example(intent_subject(addressee, intent.instance), headers, encode_intent(intent))


def job_event() -> Example:
    """A job has failed."""
    event = JobEvent(event=JobEventName.FAILED, instance=REF, job=FAILED)
    headers = event_headers(event, id="5f0a9d7e-6a1b-4c7e-b1f6-77d0c2b9e4aa", source="aap-poller")
    return Example(job_subject(event), headers, encode_event(event))


def every_block() -> dict[str, str]:
    """The examples, and the program that listens, as Markdown, by the name of their block."""
    found = {f"intent-{name.lower()}": example for name, example in intents().items()}
    found["job-event"] = job_event()
    listening = f"```python\n{LISTENING.read_text()}```\n"
    return {"listening": listening, **{name: _markdown(example) for name, example in found.items()}}


def _markdown(example: Example) -> str:
    headers = "\n".join(f"{name}: {value}" for name, value in example.headers.items())
    body = json.dumps(example.payload, indent=2, ensure_ascii=False)
    return f"```text\n{example.subject}\n\n{headers}\n```\n\n```json\n{body}\n```\n"
