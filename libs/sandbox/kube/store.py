"""All objects, in memory: every change takes the next resourceVersion and is remembered for a while.

Whoever watches reads the remembered changes, or subscribes to those to come. Versions start at the clock,
in microseconds: no life of a server reuses those of an earlier one, so that a client that resumes from
before gets 410 Gone, as it should after a lost etcd.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from itertools import takewhile
from typing import TypeAlias

import msgspec

from sandbox.kube.errors import expired
from sandbox.kube.objects import Key, Object, Run, Stored, key_of, stored
from sandbox.kube.resources import NAMESPACES, Home, Resource
from sandbox.kube.subscriptions import Subscription

REMEMBERED = 20_000
"""Changes of one resource that a watch may resume from."""

BUMP = 1_000_000
"""How far versions jump when a backup is restored: none is used twice."""


class ChangeType(StrEnum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


class Change(msgspec.Struct, frozen=True, gc=False):
    """What was done to one object. ``after`` a deletion is its last state, with the deletion's version."""

    version: int
    type: ChangeType
    key: Key
    before: Stored | None
    after: Stored


Backup: TypeAlias = Mapping[Home, Mapping[Key, Stored]]
Follower: TypeAlias = Callable[[Resource, Change], None]
"""Called after each change, before the request that made it is answered; it may make others."""


class Collection:
    """The objects of one resource, what was done to them lately, and who wants to hear of it."""

    def __init__(self, birth: int) -> None:
        self.objects: dict[Key, Stored] = {}
        self.subscriptions: set[Subscription[Change]] = set()
        self.forgotten = birth
        """Changes up to this version are no longer known, those after it are."""
        self._changes: deque[Change] = deque()

    def put(self, change: Change) -> None:
        if change.type is ChangeType.DELETED:
            self.objects.pop(change.key, None)
        else:
            self.objects[change.key] = change.after
        self._changes.append(change)
        if len(self._changes) > REMEMBERED:
            self.forgotten = self._changes.popleft().version
        for subscription in self.subscriptions:
            subscription.tell(change)

    def since(self, version: int) -> list[Change]:
        """What was done after *version*, as far as it is remembered."""
        later = takewhile(lambda change: change.version > version, reversed(self._changes))
        return [*later][::-1]

    def as_of(self, version: int) -> dict[Key, Stored]:
        """The objects as they were at *version*: all later changes are undone."""
        if version < self.forgotten:
            raise expired(f"The resourceVersion for the provided list is too old: {version}")
        objects = dict(self.objects)
        for change in reversed(self.since(version)):
            if change.before is None:
                objects.pop(change.key, None)
            else:
                objects[change.key] = change.before
        return objects

    def forget(self, version: int) -> None:
        self._changes.clear()
        self.forgotten = version


class Store:
    """Every collection, the version they share, and who follows what happens."""

    def __init__(self) -> None:
        self.version = self._birth = time.time_ns() // 1000
        self._collections: dict[Home, Collection] = {}
        self._followers: list[Follower] = []

    def follow(self, follower: Follower) -> None:
        self._followers.append(follower)

    def of(self, home: Home) -> Collection:
        if (collection := self._collections.get(home)) is None:
            collection = self._collections[home] = Collection(self._birth)
        return collection

    def get(self, resource: Resource, key: Key) -> Stored | None:
        return self.of(resource.home).objects.get(key)

    def put(self, resource: Resource, key: Key, body: Object, runs: tuple[Run, ...] | None = None) -> Stored:
        """Store *body*, which is not to be changed any more. Without *runs*, those of before stay."""
        before = self.get(resource, key)
        if runs is None:
            runs = before.runs if before else ()
        type = ChangeType.MODIFIED if before else ChangeType.ADDED
        return self._record(resource, Change(self._next(body), type, key, before, stored(body, runs)))

    def remove(self, resource: Resource, before: Stored) -> None:
        last = before.copy()
        version = self._next(last)
        key = key_of(last)
        self._record(resource, Change(version, ChangeType.DELETED, key, before, stored(last)))

    def replay(self, home: Home, version: int, type: ChangeType, body: Object) -> None:
        """Let happen again what happened in an earlier life, whose watches may be resumed from there."""
        self._birth = min(self._birth, version)
        collection = self.of(home)
        collection.forgotten = min(collection.forgotten, self._birth)
        key = key_of(body)
        collection.put(Change(version, type, key, collection.objects.get(key), stored(body)))
        self.version = version

    def drop(self, home: Home) -> None:
        """Let all objects of a resource go, without a word: nobody serves it any longer."""
        if collection := self._collections.get(home):
            collection.objects.clear()
            collection.forget(self.version)

    def namespace(self, name: str) -> Stored | None:
        return self.of(NAMESPACES).objects.get(Key("", name))

    def has_any_in(self, namespace: str) -> bool:
        return any(key.namespace == namespace for each in self._collections.values() for key in each.objects)

    def compact(self) -> None:
        """Forget all but the present state."""
        for collection in self._collections.values():
            collection.forget(self.version)

    def backup(self) -> Backup:
        """All objects as they are now."""
        return {home: dict(collection.objects) for home, collection in self._collections.items()}

    def restore(self, backup: Backup) -> None:
        """Let all objects be as in *backup*, with their versions; every watch ends, and whoever resumes from
        before has to list again."""
        self.version += BUMP
        for home in {*self._collections, *backup}:
            self.of(home).objects = dict(backup.get(home, {}))
        self.compact()
        self.close()

    def close(self) -> None:
        """End every open watch."""
        for collection in self._collections.values():
            for subscription in collection.subscriptions:
                subscription.end()

    def _next(self, body: Object) -> int:
        """Take the next version, for *body*."""
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        return self.version

    def _record(self, resource: Resource, change: Change) -> Stored:
        self.of(resource.home).put(change)
        for follow in self._followers:
            follow(resource, change)
        return change.after
