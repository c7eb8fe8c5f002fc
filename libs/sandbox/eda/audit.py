"""Who got which webhook when: all that came, whatever became of it."""

from datetime import datetime
from typing import Any

import msgspec

from sandbox.aap.subjects import Purpose
from sandbox.eda.events import Event


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook about one instance, and what it was answered: ``status``, 0 for a broken connection.

    ``config_version`` is what its resource wanted. ``heard``: the rulebook learned of it.
    """

    at: datetime
    path: str
    purpose: Purpose
    namespace: str = ""
    name: str = ""
    uid: str = ""
    config_version: str = ""
    status: int
    heard: bool


class _Metadata(msgspec.Struct, frozen=True):
    namespace: str = ""
    name: str = ""
    uid: str = ""


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    desired_config_version: str = ""


class Resource(msgspec.Struct, frozen=True):
    """What playbooks read in a ComputeInstance."""

    metadata: _Metadata = _Metadata()
    status: _Status = _Status()

    @property
    def name(self) -> str:
        return self.metadata.name


def read_resource(payload: Any) -> Resource:  # noqa: ANN401  # whatever JSON came in
    """The resource in *payload*; one without a name if there is none."""
    try:
        return msgspec.convert(payload, Resource)
    except msgspec.ValidationError:
        return Resource()


def webhook(event: Event, *, status: int, heard: bool) -> Webhook:
    """The entry for *event*."""
    resource = read_resource(event.payload)
    return Webhook(
        at=event.at,
        path=event.path,
        purpose=event.purpose,
        namespace=resource.metadata.namespace,
        name=resource.name,
        uid=resource.metadata.uid,
        config_version=resource.status.desired_config_version,
        status=status,
        heard=heard,
    )
