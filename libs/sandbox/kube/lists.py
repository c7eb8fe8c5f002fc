"""Lists: what is there now, or was at some version, whole or page by page.

All pages show the state at the first one. The server remembers it for as long as it is among the last
few; after that, and after a compaction, the list is expired, and tells how to go on with the present.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import uuid4

import msgspec

from sandbox.kube.errors import FORBIDDEN, ApiError, Cause, bad_request, expired, read_number, wrong_options
from sandbox.kube.objects import Key, Object, Stored, encode, key_of
from sandbox.kube.resources import Resource
from sandbox.kube.selectors import read_selector
from sandbox.kube.store import Store

REMEMBERED = 64
"""Lists that are read page by page at the same time."""
TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results."
)


class Page(NamedTuple):
    """What a list answers. ``metadata`` says its version, and how it goes on."""

    items: Sequence[Stored]
    metadata: Object


class Token(NamedTuple):
    """Where a list goes on: in which of those remembered, from which item, and after which object."""

    snapshot: str
    start: int
    after: Key

    def __str__(self) -> str:
        return urlsafe_b64encode(encode(self)).decode().rstrip("=")


class Snapshot(NamedTuple):
    """All that a list shows, over its pages."""

    version: int
    items: Sequence[Stored]


class Lists:
    """Lists the objects of *store*."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._snapshots: dict[str, Snapshot] = {}

    def page(self, resource: Resource, namespace: str, query: Mapping[str, str]) -> Page:
        """The part of *resource* that *query* asks for. Raises `ApiError` if it cannot be had."""
        limit = read_number(query.get("limit") or "0")
        token = _read_token(query["continue"]) if query.get("continue") else Token("", 0, Key("", ""))
        snapshot = self._snapshot(token) or self._select(resource, namespace, query, token.after)
        end = token.start + limit if limit else len(snapshot.items)
        items = snapshot.items[token.start : end]
        metadata: Object = {"resourceVersion": str(snapshot.version)}
        if left := len(snapshot.items[end:]):
            name = token.snapshot or uuid4().hex
            self._remember(name, snapshot)
            metadata["continue"] = str(Token(name, end, key_of(items[-1].body)))
            if not (query.get("labelSelector") or query.get("fieldSelector")):
                metadata["remainingItemCount"] = left
        return Page(items, metadata)

    def forget(self) -> None:
        """Expire every list that has not been read to its end."""
        self._snapshots.clear()

    def _remember(self, name: str, snapshot: Snapshot) -> None:
        self._snapshots[name] = snapshot
        while len(self._snapshots) > REMEMBERED:
            self._snapshots.pop(next(iter(self._snapshots)))

    def _snapshot(self, token: Token) -> Snapshot | None:
        """What the pages before were taken from; None if the list begins, or goes on with the present."""
        if token.snapshot and token.snapshot not in self._snapshots:
            raise expired(TOO_OLD, go_on_with=str(Token("", 0, token.after)))
        return self._snapshots.get(token.snapshot)

    def _select(self, resource: Resource, namespace: str, query: Mapping[str, str], after: Key) -> Snapshot:
        is_selected = read_selector(resource, namespace, "", query)
        exact = _exact_version(query, self._store.version)
        collection = self._store.of(resource.home)
        objects = collection.objects if exact is None else collection.as_of(exact)
        items = [
            each
            for key, each in sorted(objects.items())
            if key > after and (is_selected is None or is_selected(each.body))
        ]
        return Snapshot(self._store.version if exact is None else exact, items)


def _exact_version(query: Mapping[str, str], present: int) -> int | None:
    """The version that is asked for, if it is that and no other."""
    wanted, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
    if match and not wanted:
        message = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
        raise wrong_options("ListOptions", Cause("resourceVersionMatch", message, FORBIDDEN))
    version = read_number(wanted or "0")
    if version > present:
        raise _from_the_future(wanted, present)
    return version if match == "Exact" else None


def _from_the_future(wanted: str, present: int) -> ApiError:
    cause = Cause("", "Too large resource version", "ResourceVersionTooLarge")
    message = f"Too large resource version: {wanted}, current: {present}"
    return ApiError(504, "Timeout", message, details={"retryAfterSeconds": 1}, causes=[cause])


def _read_token(text: str) -> Token:
    try:
        return msgspec.json.decode(urlsafe_b64decode(text + "=="), type=Token)
    except (ValueError, msgspec.DecodeError) as error:
        raise bad_request("continue key is not valid") from error
