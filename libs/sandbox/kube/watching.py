"""Watches: one line of JSON for each change, from a version on, until time is up or the server ends.

A watch with a selector tells of what enters and leaves its selection. Whoever asks for bookmarks gets one
every second, so that a quiet watch resumes from a version that is still known.
"""

import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from random import uniform

from sandbox.kube.errors import ApiError, read_number
from sandbox.kube.objects import Object, Stored, encode, stored
from sandbox.kube.resources import Resource
from sandbox.kube.selectors import Test
from sandbox.kube.store import Change, ChangeType, Store
from sandbox.kube.subscriptions import Subscription
from sandbox.kube.views import View
from sandbox.kube.writes import TRUE

BOOKMARK_SECONDS = 1.0
LONGEST_SECONDS = (1800.0, 3600.0)
"""A watch that names no timeout gets one between these."""
END_OF_INITIAL_EVENTS = "k8s.io/initial-events-end"


@dataclass(frozen=True, kw_only=True)
class WatchOptions:
    """``version`` is the last that the client knows, or empty; ``seconds`` is how long to watch."""

    version: str = ""
    starts_with_objects: bool = False
    wants_bookmarks: bool = False
    seconds: float = 0.0


def read_watch_options(query: Mapping[str, str]) -> WatchOptions:
    return WatchOptions(
        version=query.get("resourceVersion", ""),
        starts_with_objects=query.get("sendInitialEvents") in TRUE,
        wants_bookmarks=query.get("allowWatchBookmarks") in TRUE,
        seconds=float(query.get("timeoutSeconds") or uniform(*LONGEST_SECONDS)),  # noqa: S311  # no secret
    )


class Watch:
    """One client that watches the part of *resource* that ``is_selected`` says; None is all of it."""

    def __init__(self, store: Store, resource: Resource, view: View, is_selected: Test | None) -> None:
        self._store = store
        self._resource = resource
        self._view = view
        self._is_selected = is_selected

    async def lines(self, options: WatchOptions) -> AsyncGenerator[bytes, None]:
        """One or more whole lines at a time, or none. Raises `ApiError` first, if at all."""
        subscription: Subscription[Change] = Subscription()
        subscriptions = self._store.of(self._resource.home).subscriptions
        subscriptions.add(subscription)
        try:
            yield b"".join(self._first(options))
            ends = time.monotonic() + options.seconds
            bookmark_due = time.monotonic() + BOOKMARK_SECONDS if options.wants_bookmarks else inf
            while (now := time.monotonic()) < ends and not subscription.has_ended:
                news = await subscription.news(min(ends, bookmark_due) - now)
                if lines := b"".join(self._told(change) for change in news):
                    yield lines
                elif time.monotonic() >= bookmark_due:  # All up to the present version has been told.
                    yield self._bookmark()
                    bookmark_due = time.monotonic() + BOOKMARK_SECONDS
        except TooOld as error:
            yield _line("ERROR", encode(error.status()))
        finally:
            subscriptions.discard(subscription)

    def _first(self, options: WatchOptions) -> Iterator[bytes]:
        """What a client that knows the version in *options* does not know yet."""
        if options.version in ("", "0") or options.starts_with_objects:
            yield from self._objects()
            if options.starts_with_objects:
                yield self._bookmark({"annotations": {END_OF_INITIAL_EVENTS: "true"}})
        else:
            version = read_number(options.version)
            collection = self._store.of(self._resource.home)
            if not collection.forgotten <= version <= self._store.version:
                raise TooOld(version, collection.forgotten)
            for change in collection.since(version):
                yield self._told(change)

    def _objects(self) -> Iterator[bytes]:
        for _, each in sorted(self._store.of(self._resource.home).objects.items()):
            if self._is_selected is None or self._is_selected(each.body):
                yield self._line(ChangeType.ADDED, each)

    def _told(self, change: Change) -> bytes:
        """The line that tells of *change*; it is empty if neither before nor after are selected."""
        if self._is_selected is None:
            return self._line(change.type, change.after)
        was = change.before is not None and self._is_selected(change.before.body)
        is_ = change.type is not ChangeType.DELETED and self._is_selected(change.after.body)
        match was, is_:
            case True, True:
                return self._line(ChangeType.MODIFIED, change.after)
            case False, True:
                return self._line(ChangeType.ADDED, change.after)
            case True, False:
                return self._line(ChangeType.DELETED, _last_selected(change))
            case _:
                return b""

    def _line(self, type: ChangeType, object: Stored) -> bytes:
        return _line(type, self._view.one(object))

    def _bookmark(self, more: Object | None = None) -> bytes:
        metadata = {"resourceVersion": str(self._store.version), **(more or {})}
        kind = {"kind": self._resource.kind, "apiVersion": self._resource.group_version}
        return _line("BOOKMARK", encode({**kind, "metadata": metadata}))


class TooOld(ApiError):
    """Raised when changes after *version* are no longer known, or *version* was never given."""

    def __init__(self, version: int, forgotten: int) -> None:
        super().__init__(410, "Expired", f"too old resource version: {version} ({forgotten})")


def _last_selected(change: Change) -> Stored:
    """What leaves the selection is shown as it was in it, with the version of the change."""
    if change.type is ChangeType.DELETED or change.before is None:
        return change.after
    body = change.before.copy()
    body["metadata"]["resourceVersion"] = change.after.version
    return stored(body)


def _line(type: str, object: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (type.encode(), object)
