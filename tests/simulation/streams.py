"""JetStream in memory: streams with sequences, expectations and deduplication.

The rules are those of nats-server that the real bus leans on, and that `tests/contract/bus` holds both to.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cloudkit.contracts.subjects import DEAD_LETTERS, INTENTS, JOBS
from cloudkit.runtime.jetstream import WRONG_LAST_SEQUENCE, JetStreamRefused, PubAck, Stored

DUPLICATES_ARE_KNOWN_FOR = 120.0
EXPECTED = "Nats-Expected-Last-Subject-Sequence"


@dataclass
class Stream:
    """One stream. ``only_newest``: a message replaces the one of its subject. ``heard`` by consumers."""

    name: str
    created: datetime
    now: Callable[[], datetime]
    only_newest: bool = False
    heeds_expectations: bool = True
    looks_for_duplicates_first: bool = False
    """As a server with replicas does; a single one looks at the expectation first."""
    messages: dict[int, Stored] = field(default_factory=dict)
    heard: list[Callable[[Stored], None]] = field(default_factory=list)
    last_sequence: int = 0
    _last_under: dict[str, int] = field(default_factory=dict)
    _ids: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def append(self, subject: str, body: bytes, headers: Mapping[str, str]) -> PubAck:
        """Raises `JetStreamRefused`."""
        now, id = self.now(), headers.get("Nats-Msg-Id", "")
        duplicate = self._duplicate(id, now)
        if duplicate and self.looks_for_duplicates_first:
            return duplicate
        if self.heeds_expectations:
            self._check_expectation(headers)
        if duplicate:
            return duplicate
        if self.only_newest:
            self.messages.pop(self._last_under.get(subject, 0), None)
        self.last_sequence += 1
        stored = Stored(subject, self.last_sequence, now, body, dict(headers))
        self.messages[stored.seq] = stored
        if id:
            self._ids[id] = now, stored.seq
        for under in _prefixes(subject):
            self._last_under[under] = stored.seq
        for hear in self.heard:
            hear(stored)
        return PubAck(seq=stored.seq)

    def _duplicate(self, id: str, now: datetime) -> PubAck | None:
        stored_at, sequence = self._ids.get(id, (now, 0))
        known = sequence and (now - stored_at).total_seconds() < DUPLICATES_ARE_KNOWN_FOR
        return PubAck(seq=sequence, duplicate=True) if known else None

    def _check_expectation(self, headers: Mapping[str, str]) -> None:
        under = headers.get(f"{EXPECTED}-Subject", "")
        if under and self._last_under.get(under, 0) != int(headers[EXPECTED]):
            raise JetStreamRefused("wrong last sequence", code=WRONG_LAST_SEQUENCE, status=400)

    def last(self, subject: str) -> Stored | None:
        return self.messages.get(self._last_under.get(subject, 0))

    def every(self, subject: str) -> list[Stored]:
        return [stored for stored in self.messages.values() if matches(subject, stored.subject)]

    def purge(self, subject: str, up_to: int) -> None:
        for stored in self.every(subject):
            if stored.seq <= up_to:
                del self.messages[stored.seq]


def _prefixes(subject: str) -> tuple[str, ...]:
    """What our code reads the last message of: the subject itself, a name's jobs, a uid's jobs."""
    tokens = subject.split(".")
    if tokens[1] != "job":
        return (subject,)
    return subject, ".".join(tokens[:4]) + ".>", ".".join(tokens[:5]) + ".>"


def matches(pattern: str, subject: str) -> bool:
    """Whether *subject* is one of *pattern*, by the rules of NATS."""
    wanted, found = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted = wanted[:-1]
        if len(found) <= len(wanted):
            return False
        found = found[: len(wanted)]
    return len(wanted) == len(found) and all(
        want in ("*", token) for want, token in zip(wanted, found, strict=True)
    )


def new_streams(created: datetime, now: Callable[[], datetime]) -> dict[str, Stream]:
    """The three streams, empty."""
    return {
        INTENTS: Stream(INTENTS, created, now, only_newest=True),
        JOBS: Stream(JOBS, created, now),
        DEAD_LETTERS: Stream(DEAD_LETTERS, created, now),
    }


def stream_of(subject: str) -> str:
    """Where a message of *subject* is stored."""
    return {"intent": INTENTS, "job": JOBS, "dead": DEAD_LETTERS}[subject.split(".", 2)[1]]
