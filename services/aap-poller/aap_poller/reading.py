"""Rows as AAP sends them. One that cannot be read as a whole must not hide the others, nor its own end.

::

    page ─► every row can be read ─► rows
        └─► one by one ─► what can be read of each: its id and its variables at least, or nothing
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import structlog
from msgspec.structs import fields

from aap_poller import metrics
from aap_poller.rows import Row
from cloudkit.contracts.errors import Malformed, Unanswered
from cloudkit.contracts.jobs import JobKind

log = structlog.get_logger(__name__)

ESSENTIAL = frozenset({"id", "extra_vars"})
"""Without them nobody can say whose a job is."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
REMEMBERED = 1000
FIELDS = fields(Row)


class _Page(msgspec.Struct):
    results: list[Row]


class _RawPage(msgspec.Struct):
    results: list[msgspec.Raw]


@dataclass(frozen=True)
class Page:
    """The ``rows`` of a page that AAP filled with ``size`` of them."""

    rows: Sequence[Row]
    size: int

    @property
    def lacks(self) -> int:
        """How many of its rows nobody can read."""
        return self.size - len(self.rows)


class Reader:
    """Reads what AAP answers. It says once of each job that it cannot be read, however often it comes."""

    def __init__(self) -> None:
        self._told: dict[str, None] = {}

    def page(self, body: bytes, kind: JobKind) -> Page:
        """A page of a list of jobs of *kind*. Raises `Unanswered` if it is none, or no row can be read."""
        try:
            rows = msgspec.json.decode(body, type=_Page).results
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return self._one_by_one(body, kind, error)
        return Page(rows, len(rows))

    def detail(self, body: bytes, kind: JobKind, id: str) -> Row:
        """Job *id* of *kind*, from its own page. Raises `Malformed` if it is that and cannot be read,
        `Unanswered` if it is something else."""
        try:
            return msgspec.json.decode(body, type=Row)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            row, about = self._salvaged(body, kind)
            if row is not None:
                return row
            if about != id:
                raise Unanswered(f"AAP's answer cannot be read: {error}", system="AAP") from error
            raise Malformed(f"job {id} of AAP cannot be read: {error}", system="AAP") from error

    def _one_by_one(self, body: bytes, kind: JobKind, error: Exception) -> Page:
        try:
            results = msgspec.json.decode(body, type=_RawPage).results
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            results = []
        rows = [row for raw in results if (row := self._row(raw, kind)) is not None]
        if not rows:
            raise Unanswered(f"AAP's answer cannot be read: {error}", system="AAP") from error
        return Page(rows, len(results))

    def _row(self, raw: msgspec.Raw, kind: JobKind) -> Row | None:
        try:
            return msgspec.json.decode(raw, type=Row)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._salvaged(raw, kind)[0]

    def _salvaged(self, raw: bytes | msgspec.Raw, kind: JobKind) -> tuple[Row | None, str]:
        """What can be read of a row, and its id as far as it has one. A status that cannot be read is
        unknown, which ends nothing."""
        given = _fields_of(raw)
        known: dict[str, object] = {"type": kind, "status": "", "created": LONG_AGO}
        unread = []
        for field in FIELDS:
            if field.encode_name not in given:
                continue
            try:
                known[field.name] = msgspec.json.decode(given[field.encode_name], type=field.type)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                unread.append(field.name)
        id = bytes(given.get("id", b"")).decode(errors="replace")[:20]
        if id:
            self._tell(id, unread)
        lost = "id" not in known or ESSENTIAL & set(unread)
        return None if lost else msgspec.convert(known, Row), id

    def _tell(self, id: str, unread: Sequence[str]) -> None:
        if id in self._told:
            return
        self._told[id] = None
        while len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]
        metrics.UNREADABLE_ROWS.inc()
        log.warning("a job of AAP cannot be read in full", job_id=id, unread=unread)


def _fields_of(raw: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
