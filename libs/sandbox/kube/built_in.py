"""What is special about kinds that are built in: how they begin, and what they may not say."""

import base64
from collections.abc import Callable, Mapping
from typing import TypeAlias

from sandbox.kube.definitions import check_definition, establish
from sandbox.kube.errors import Cause, bad_request
from sandbox.kube.events import problems, unreadable_time
from sandbox.kube.objects import Object
from sandbox.kube.refusals import invalid
from sandbox.kube.resources import DEFINITIONS, EVENTS, NAMESPACES, Home, Resource

Beginning: TypeAlias = Callable[[Resource, Object], None]
Settlement: TypeAlias = Callable[[Resource, Object, Object | None], None]
"""Gets the object and the one before it, if there is one."""

LABEL_OF_NAME = "kubernetes.io/metadata.name"


def begin(resource: Resource, body: Object) -> None:
    """Make a new object of *body*."""
    if special := BEGINNINGS.get(resource.home):
        special(resource, body)


def settle(resource: Resource, body: Object, before: Object | None) -> None:
    """Give *body* its last form. Raises `ApiError` if it may not be stored in place of *before*."""
    if special := SETTLEMENTS.get(resource.home):
        special(resource, body, before)


def _begin_namespace(_: Resource, body: Object) -> None:
    metadata = body["metadata"]
    metadata["labels"] = {**(metadata.get("labels") or {}), LABEL_OF_NAME: metadata["name"]}
    body["spec"] = {"finalizers": ["kubernetes"]}
    body["status"] = {"phase": "Active"}


def _begin_secret(_: Resource, body: Object) -> None:
    body.setdefault("type", "Opaque")
    if texts := body.pop("stringData", None):
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        body["data"] = {**(body.get("data") or {}), **encoded}


def _settle_lease(resource: Resource, body: Object, _: Object | None) -> None:
    if (body.get("spec") or {}).get("leaseDurationSeconds", 1) <= 0:
        cause = Cause("spec.leaseDurationSeconds", "must be greater than 0")
        raise invalid(resource, body["metadata"]["name"], [cause])


def _settle_event(resource: Resource, body: Object, before: Object | None) -> None:
    body["apiVersion"] = "v1"
    if wrong := unreadable_time(body):
        raise bad_request(f'parsing time "{wrong}" as "2006-01-02T15:04:05.000000Z07:00"')
    metadata = body["metadata"]
    if causes := list(problems(body, before, metadata["namespace"], resource.group)):
        raise invalid(resource, metadata["name"], causes)


BEGINNINGS: Mapping[Home, Beginning] = {
    NAMESPACES: _begin_namespace,
    ("", "secrets"): _begin_secret,
    DEFINITIONS: establish,
}
SETTLEMENTS: Mapping[Home, Settlement] = {
    ("coordination.k8s.io", "leases"): _settle_lease,
    EVENTS: _settle_event,
    DEFINITIONS: check_definition,
}
