"""What the stand-in keeps on disk, so that its objects outlive a kill -9, as etcd's do.

A line for every change, written before the change is answered; a restart reads them all. Clients may
resume their watches: versions go on where they stood. Namespaces and definitions are not kept, because
every start makes them; of an object's ``managedFields`` what came before the restart is forgotten.
"""

import os
from pathlib import Path

import msgspec

from sandbox.kube.objects import Object
from sandbox.kube.resources import DEFINITIONS, NAMESPACES, Home, Resource
from sandbox.kube.store import Change, ChangeType, Store

MADE_AT_EVERY_START = frozenset({NAMESPACES, DEFINITIONS})


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A change: of which resource (group and plural), and the object since then."""

    version: int
    resource: Home
    type: ChangeType
    object: Object


class Journal:
    """The lines in *file*."""

    def __init__(self, file: Path) -> None:
        self._lines = _whole_lines(file)
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def restore(self, store: Store) -> None:
        """Put into *store*, which is new, all that was kept; from now on keep what happens there."""
        latest = store.version
        for line in self._lines:
            store.replay(line.resource, line.version, line.type, line.object)
        store.version = max(latest, store.version)
        self._lines = []
        store.follow(self._note)

    def close(self) -> None:
        os.close(self._file)

    def _note(self, resource: Resource, change: Change) -> None:
        if resource.home not in MADE_AT_EVERY_START:
            line = Line(
                version=change.version, resource=resource.home, type=change.type, object=change.after.body
            )
            os.write(self._file, msgspec.json.encode(line) + b"\n")


def _whole_lines(file: Path) -> list[Line]:
    """Those in *file*; the last one is cut off if it was not finished: nobody was told of it."""
    if not file.exists():
        return []
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    os.truncate(file, len(whole))
    return [msgspec.json.decode(line, type=Line) for line in whole.splitlines()]
