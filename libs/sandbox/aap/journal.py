"""The journal that lets jobs outlive the process.

It keeps what was asked of the controller and when. All else follows from that and the clock, so a
restart asks the same again.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import msgspec

from sandbox.aap.model import Order, Status, Template
from sandbox.aap.playbooks import Rule


class _At(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime


class Launched(_At, frozen=True, kw_only=True, tag=True):
    order: Order
    seen_after: float


class Canceled(_At, frozen=True, kw_only=True, tag=True):
    job: int
    by: str


class Forced(_At, frozen=True, kw_only=True, tag=True):
    job: int
    status: Status
    explanation: str


class Decided(_At, frozen=True, kw_only=True, tag=True):
    job: int
    approved: bool
    by: str


class Marked(_At, frozen=True, kw_only=True, tag=True):
    job: int
    cancelable: bool | None
    breaks_lists: bool


class Proceeded(_At, frozen=True, kw_only=True, tag=True):
    job: int


class Purged(_At, frozen=True, kw_only=True, tag=True):
    job: int
    by: str


class Restored(_At, frozen=True, kw_only=True, tag=True):
    next_id: int


class TemplatePut(_At, frozen=True, kw_only=True, tag=True):
    template: Template


class TemplateRemoved(_At, frozen=True, kw_only=True, tag=True):
    id: int


class RulesAdded(_At, frozen=True, kw_only=True, tag=True):
    rules: tuple[Rule, ...]


class RulesReset(_At, frozen=True, kw_only=True, tag=True):
    pass


OfJob: TypeAlias = Canceled | Decided | Forced | Marked | Proceeded | Purged
Change: TypeAlias = Launched | OfJob | Restored | TemplatePut | TemplateRemoved | RulesAdded | RulesReset


class Journal:
    """A file of changes, one JSON object a line. A last line that was cut short is as if never written."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.touch(mode=0o600)
        whole, newline, _ = file.read_bytes().rpartition(b"\n")
        os.truncate(file, len(whole + newline))
        self._out = file.open("ab", buffering=0)

    def changes(self) -> Iterator[Change]:
        """What was asked before, oldest first."""
        decoder: msgspec.json.Decoder[Change] = msgspec.json.Decoder(Change)
        with self._file.open("rb") as lines:
            for line in lines:
                yield decoder.decode(line)

    def write(self, change: Change) -> None:
        """Keep *change*; it survives a kill of this process, though not of the machine."""
        self._out.write(msgspec.json.encode(change) + b"\n")

    def close(self) -> None:
        self._out.close()
