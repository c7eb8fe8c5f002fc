"""What the stand-in keeps on disk, so that its objects outlive a kill -9, as etcd's do.

A line for every change, written before the change is answered; a restart reads them all. Clients may
resume their watches: versions go on where they stood. Namespaces and definitions are not kept, because
every start makes them; of an object's ``managedFields`` what came before the restart is forgotten.
"""

import os
from pathlib import Path
from typing import Any

import msgspec

from sandbox.kube.emulator import Emulator, Obj

MADE_AT_EVERY_START = {("", "namespaces"), ("apiextensions.k8s.io", "customresourcedefinitions")}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A change: of which resource (group and plural), and the object since then."""

    version: int
    resource: tuple[str, str]
    type: str
    object: dict[str, Any]


class Journal:
    """The lines in *file*."""

    def __init__(self, file: Path) -> None:
        self._lines = _whole_lines(file)
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def restore(self, emulator: Emulator) -> None:
        """Put into *emulator*, which is new, all that was kept; from now on keep what happens there."""
        store = emulator.st
        latest = store.rv
        if self._lines:
            store.birth = self._lines[0].version
        for line in self._lines:
            _replay(line, store)
        store.rv = max(latest, store.rv)
        self._lines = []
        store.keep = self._note

    def close(self) -> None:
        os.close(self._file)

    def _note(self, resource: tuple[str, str], version: int, type: str, changed: Obj) -> None:
        if resource not in MADE_AT_EVERY_START:
            line = Line(version=version, resource=resource, type=type, object=changed.d)
            os.write(self._file, msgspec.json.encode(line) + b"\n")


def _replay(line: Line, store: Any) -> None:  # noqa: ANN401  # the emulator's store has no types
    metadata = line.object["metadata"]
    key = (metadata.get("namespace"), metadata["name"])
    table = store.tables[line.resource]
    before = table.pop(key, None)
    changed = Obj(line.object)  # type: ignore[no-untyped-call]  # nor has the rest of the emulator
    if line.type != "DELETED":
        table[key] = changed
    store.rv = line.version
    store.publish(line.resource, line.type, changed, before)


def _whole_lines(file: Path) -> list[Line]:
    """Those in *file*; the last one is cut off if it was not finished: nobody was told of it."""
    if not file.exists():
        return []
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    os.truncate(file, len(whole))
    return [msgspec.json.decode(line, type=Line) for line in whole.splitlines()]
