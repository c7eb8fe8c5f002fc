"""Objects as they are sent, stored and told apart.

An object is the dictionary that its JSON says. Whoever gets one from the store must not change it: it is
shared with the log that watches read. To write, decode a copy of its own from ``raw``.

What is kept for long is kept from the garbage collector (``gc=False``), which would look through all of it
again and again: there are no cycles among what only refers to older things.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

import msgspec

Json: TypeAlias = Any
"""Anything that JSON can say."""
Object: TypeAlias = dict[str, Any]

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode


class Key(NamedTuple):
    """What tells the objects of one resource apart; in this order they are listed.

    ``namespace`` is empty for what belongs to the whole cluster.
    """

    namespace: str
    name: str


class Run(msgspec.Struct, frozen=True, gc=False):
    """Writes that one manager made in a row, and the object as it was before them (None: it was not)."""

    manager: str
    subresource: str
    before: Object | None

    def is_by(self, manager: str, subresource: str) -> bool:
        return (self.manager, self.subresource) == (manager, subresource)


class Stored(msgspec.Struct, frozen=True, gc=False):
    """One version of an object: decoded, as bytes, and who has written what is in it, oldest first."""

    body: Object
    raw: bytes
    runs: tuple[Run, ...] = ()

    @property
    def metadata(self) -> Object:
        metadata: Object = self.body["metadata"]
        return metadata

    @property
    def version(self) -> str:
        version: str = self.metadata["resourceVersion"]
        return version

    @property
    def is_going(self) -> bool:
        """Whether its deletion has begun."""
        return bool(self.metadata.get("deletionTimestamp"))

    def copy(self) -> Object:
        """The object, for somebody who will change it."""
        copied: Object = decode(self.raw)
        return copied


def key_of(body: Object) -> Key:
    metadata = body["metadata"]
    return Key(metadata.get("namespace") or "", metadata["name"])


def stored(body: Object, runs: tuple[Run, ...] = ()) -> Stored:
    """*body* as it will stand in the store; it must not be changed any more."""
    return Stored(body, encode(body), runs)


def now() -> str:
    """The present second, as Kubernetes writes times."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
