"""Every message is a CloudEvent in NATS binary mode: its attributes are headers, its data the body.

Source: CloudEvents 1.0.2 and its NATS protocol binding.
"""

from datetime import UTC, datetime

from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Intent

SPEC_VERSION = "1.0"
TYPE_PREFIX = "io.openshift.cloudkit"


def event_headers(event: JobEvent, *, id: str, source: str) -> dict[str, str]:
    """The headers of a job event. *id* is the message id, *source* the service that says it."""
    type = f"{TYPE_PREFIX}.job.{event.event}"
    return _headers(type, event.instance, id=id, source=source, time=event.job.timestamp)


def intent_headers(intent: Intent, *, id: str, source: str, time: datetime) -> dict[str, str]:
    """The headers of an intent, made at *time*."""
    type = f"{TYPE_PREFIX}.intent.{intent.__class__.__name__.lower()}"
    return _headers(type, intent.instance, id=id, source=source, time=time)


def _headers(type: str, instance: InstanceRef, *, id: str, source: str, time: datetime) -> dict[str, str]:
    return {
        "ce-specversion": SPEC_VERSION,
        "ce-id": id,
        "ce-type": type,
        "ce-source": f"/cloudkit/{source}",
        "ce-subject": str(instance),
        "ce-time": time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "ce-datacontenttype": "application/json",
    }
