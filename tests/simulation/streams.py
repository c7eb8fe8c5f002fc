"""JetStream in memory: streams with sequences, expectations and deduplication.

The rules are those of nats-server that the real bus leans on, and that `tests/contract/bus` holds both to.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cloudkit.contracts.subjects import DEAD_LETTERS, INTENTS, JOBS
from cloudkit.runtime.jetstream import WRONG_LAST_SEQUENCE, JetStreamRefused, PubAck, Stored

DUPLICATES_ARE_KNOWN_FOR = 120.0
EXPECTED = "Nats-Expected-Last-Subject-Sequence"


@dataclass
class Stream:
    """One stream. ``only_newest``: a message replaces the one of its subject. ``work_queue``: what is
    acknowledged is gone. ``heard`` by consumers."""

    name: str
    created: datetime
    now: Callable[[], datetime]
    only_newest: bool = False
    work_queue: bool = False
    heeds_expectations: bool = True
    looks_for_duplicates_first: bool = False
    """As a server with replicas does; a single one looks at the expectation first."""
    messages: dict[int, Stored] = field(default_factory=dict)
    heard: list[Callable[[Stored], None]] = field(default_factory=list)
    last_sequence: int = 0
    _under: dict[str, list[int]] = field(default_factory=dict)
    _ids: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def append(self, subject: str, body: bytes, headers: Mapping[str, str]) -> PubAck:
        """Raises `JetStreamRefused`."""
        now, id = self.now(), headers.get("Nats-Msg-Id", "")
        duplicate = self._duplicate(id, now)
        if duplicate and self.looks_for_duplicates_first:
            return duplicate
        if self.heeds_expectations:
            self._check_expectation(subject, headers)
        if duplicate:
            return duplicate
        if self.only_newest and (older := self.last(subject)) is not None:
            del self.messages[older.seq]
        self.last_sequence += 1
        stored = Stored(subject, self.last_sequence, now, body, dict(headers))
        self.messages[stored.seq] = stored
        if id:
            self._ids[id] = now, stored.seq
        for pattern in _patterns(subject):
            self._under.setdefault(pattern, []).append(stored.seq)
        for hear in self.heard:
            hear(stored)
        return PubAck(seq=stored.seq)

    def _duplicate(self, id: str, now: datetime) -> PubAck | None:
        stored_at, sequence = self._ids.get(id, (now, 0))
        known = sequence and (now - stored_at).total_seconds() < DUPLICATES_ARE_KNOWN_FOR
        return PubAck(seq=sequence, duplicate=True) if known else None

    def _check_expectation(self, subject: str, headers: Mapping[str, str]) -> None:
        if EXPECTED not in headers:
            return
        last = self.last(headers.get(f"{EXPECTED}-Subject", subject))
        if (last.seq if last else 0) != int(headers[EXPECTED]):
            raise JetStreamRefused("wrong last sequence", code=WRONG_LAST_SEQUENCE, status=400)

    def last(self, subject: str) -> Stored | None:
        """The newest message under *subject*, which may end with ``>`` but holds no ``*``."""
        under = self._under.get(subject, [])
        while under and under[-1] not in self.messages:
            under.pop()
        return self.messages[under[-1]] if under else None

    def every(self, subject: str) -> list[Stored]:
        return [stored for stored in self.messages.values() if matches(subject, stored.subject)]

    def purge(self, subject: str, up_to: int) -> None:
        for stored in self.every(subject):
            if stored.seq <= up_to:
                del self.messages[stored.seq]


def _patterns(subject: str) -> Iterator[str]:
    """Whatever a message of *subject* may be asked for by: the subject, and what it begins with."""
    yield subject
    tokens = subject.split(".")
    for length in range(1, len(tokens)):
        yield ".".join(tokens[:length]) + ".>"


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
        INTENTS: Stream(INTENTS, created, now, only_newest=True, work_queue=True),
        JOBS: Stream(JOBS, created, now),
        DEAD_LETTERS: Stream(DEAD_LETTERS, created, now),
    }


def stream_of(subject: str) -> str:
    """Where a message of *subject* is stored."""
    return {"intent": INTENTS, "job": JOBS, "dead": DEAD_LETTERS}[subject.split(".", 2)[1]]
