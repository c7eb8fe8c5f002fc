"""Messages are CloudEvents, as the official library reads them."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from cloudkit.contracts.cloudevents import event_headers, intent_headers
from cloudkit.contracts.events import JobEvent, JobEventName, encode_event, read_event
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Reconcile, encode_intent
from cloudkit.contracts.jobs import JobRecord, JobState, JobType

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
REF = InstanceRef("ns", "vm.one", "uid-1")
EVENT = JobEvent(
    event=JobEventName.FAILED,
    instance=REF,
    job=JobRecord(type=JobType.PROVISION, state=JobState.FAILED, timestamp=NOW, number=1),
)


def received(headers: dict[str, str], body: bytes) -> BaseCloudEvent:
    """The message as the official library reads it. It knows no NATS: there, unlike with HTTP, the
    content type has a prefix like every attribute."""
    headers = dict(headers)
    headers["content-type"] = headers.pop("ce-datacontenttype")
    return from_binary(HTTPMessage(headers, body), JSONFormat(), CloudEvent)


def test_a_job_event_is_a_cloud_event() -> None:
    event = received(event_headers(EVENT, id="id-1", source="aap-poller"), encode_event(EVENT))
    assert event.get_attributes() == {
        "specversion": "1.0",
        "id": "id-1",
        "source": "/cloudkit/aap-poller",
        "type": "io.openshift.cloudkit.job.failed",
        "subject": "ns/vm.one",
        "time": NOW,
        "datacontenttype": "application/json",
    }
    assert read_event(msgspec.json.encode(event.get_data())) == EVENT


def test_an_intent_is_a_cloud_event() -> None:
    intent = Reconcile(instance=REF)
    headers = intent_headers(intent, id="id-2", source="watcher", time=NOW)
    attributes = received(headers, encode_intent(intent)).get_attributes()
    assert attributes["type"] == "io.openshift.cloudkit.intent.reconcile"
    assert attributes["time"] == NOW


def test_a_time_is_told_in_utc() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-5)))
    headers = intent_headers(Reconcile(instance=REF), id="i", source="watcher", time=elsewhere)
    assert headers["ce-time"] == "2026-01-02T03:04:05Z"


def test_every_header_fits_into_one_line_of_ascii() -> None:
    headers = event_headers(EVENT, id="id-1", source="aap-poller")
    assert all((name + value).isascii() and (name + value).isprintable() for name, value in headers.items())
