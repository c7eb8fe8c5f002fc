"""Kubernetes Events about ComputeInstances: the real `cloudkit.runtime.ports.Noticeboard`.

::

    create ─┬─ created
            └─ exists already: read it, count it up ─┬─ counted
                                                     └─ changed or expired meanwhile: all over again, once

What is told of an instance alone decides the name of its event, so the same is the same event, whoever
tells it and however often. The API server forgets an event an hour after it was last counted.
"""

import platform
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import msgspec

from cloudkit.contracts.errors import Conflict, Forbidden, NotFound
from cloudkit.contracts.instance import API_VERSION, GROUP, KIND, ComputeInstance, decode
from cloudkit.contracts.notices import Notice
from cloudkit.lifecycle.texts import shorten
from cloudkit.runtime.kube.client import MERGE_PATCH, KubeClient, Request
from cloudkit.runtime.kube.refusals import NAMESPACE_TERMINATING
from cloudkit.runtime.kube.watching import Versioned
from cloudkit.runtime.ports import Clock

EVENTS = "events.k8s.io/v1"
ALREADY_EXISTS = "AlreadyExists"

# What the API server takes (ValidateEventCreate of Kubernetes).
LONGEST_NOTE = 1024
LONGEST_REPORTER = 128
LONGEST_NAME = 253
DIGEST = 16


class Series(msgspec.Struct, frozen=True):
    """How often an event happened; there is none for one that happened once."""

    count: int = 1


class KubeEvent(Versioned, frozen=True):
    """The part of an event that we read."""

    series: Series | None = None


class KubeEvents:
    """Writes events through the API server, as *service* and from this host, or pod."""

    def __init__(self, client: KubeClient, clock: Clock, *, service: str) -> None:
        self._client = client
        self._clock = clock
        self._reporter = {
            "reportingController": f"{GROUP}/{service}",
            "reportingInstance": platform.node()[:LONGEST_REPORTER] or "unknown",
        }

    async def tell(self, instance: ComputeInstance, notice: Notice) -> None:
        """Record *notice* about *instance*. See the port for what it raises; nothing is recorded, and
        nothing raised, in a namespace that is gone or being deleted."""
        event = {**_event(instance, notice, self._clock.now()), **self._reporter}
        try:
            await self._record(event)
        except (Forbidden, NotFound) as error:
            if error.reason not in (NAMESPACE_TERMINATING, NotFound.reason):
                raise

    async def _record(self, event: Mapping[str, Any]) -> None:
        try:
            await self._create_or_count(event)
        except (Conflict, NotFound):  # somebody else counted it up, or it expired, between two requests
            await self._create_or_count(event)

    async def _create_or_count(self, event: Mapping[str, Any]) -> None:
        collection = f"/apis/{EVENTS}/namespaces/{quote(event['metadata']['namespace'], safe='')}/events"
        try:
            await self._client.request(Request(method="POST", path=collection, body=event))
        except Conflict as error:
            if error.reason != ALREADY_EXISTS:
                raise
            await self._count(f"{collection}/{quote(event['metadata']['name'], safe='')}", event["eventTime"])

    async def _count(self, path: str, now: str) -> None:
        """Say that the event at *path* has happened once more, unless somebody else does meanwhile."""
        known = decode(await self._client.request(Request(path=path)), KubeEvent)
        counted = (known.series or Series()).count + 1
        body = {
            "metadata": {"resourceVersion": known.metadata.resource_version},
            "series": {"count": counted, "lastObservedTime": now},
        }
        request = Request(method="PATCH", path=path, body=body, content_type=MERGE_PATCH)
        await self._client.request(request)


def _event(instance: ComputeInstance, notice: Notice, now: datetime) -> dict[str, Any]:
    metadata = instance.metadata
    note = shorten(notice.note, LONGEST_NOTE)
    return {
        "apiVersion": EVENTS,
        "kind": "Event",
        "metadata": {"namespace": metadata.namespace, "name": _name(instance, notice, note)},
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": metadata.namespace,
            "name": metadata.name,
            "uid": metadata.uid,
            "resourceVersion": metadata.resource_version,
        },
        "type": notice.type,
        "reason": notice.reason,
        "action": notice.action,
        "note": note,
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),  # the server wants all six digits
    }


def _name(instance: ComputeInstance, notice: Notice, note: str) -> str:
    told = msgspec.json.encode((instance.metadata.uid, notice.type, notice.reason, note))
    room = LONGEST_NAME - DIGEST - len(".")
    named = instance.metadata.name[:room].rstrip("-.")  # a part of a name must end as a name does
    return f"{named}.{sha256(told).hexdigest()[:DIGEST]}"
