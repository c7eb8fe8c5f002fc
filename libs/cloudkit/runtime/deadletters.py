"""Dead letters: messages that nobody could handle, kept with the reason in the stream CLOUDKIT_DEADLETTERS.

Body and headers stay as they were, so a letter tells everything of its message; JetStream's own headers get
the prefix ``Original-``, for they would be obeyed a second time; so do headers named like ours, which would
be believed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from nats.aio.msg import Msg

from cloudkit.contracts.subjects import dead_letter_subject
from cloudkit.runtime.jetstream import JetStream, Stored

OURS = "Cloudkit-"
REASON = "Cloudkit-Reason"
TRACEBACK = "Cloudkit-Traceback"
"""A JSON string: a header has one line, a traceback many."""
STREAM = "Cloudkit-Stream"
CONSUMER = "Cloudkit-Consumer"
SUBJECT = "Cloudkit-Subject"
SEQUENCE = "Cloudkit-Sequence"
LONGEST_REASON = 500
LONGEST_TRACEBACK = 8000


async def bury(jetstream: JetStream, message: Msg, *, service: str, reason: str, traceback: str = "") -> None:
    """Keep *message* as a dead letter. Returning means that it is stored.

    Raises `Unreachable`, `Unanswered` or a `Refused`.
    """
    found = message.metadata
    headers = {_renamed(name): value for name, value in (message.headers or {}).items()}
    headers |= {
        REASON: " ".join(reason.split())[:LONGEST_REASON],
        STREAM: found.stream,
        CONSUMER: found.consumer,
        SUBJECT: message.subject,
        SEQUENCE: str(found.sequence.stream),
        "Cloudkit-Time": found.timestamp.isoformat(),
        "Nats-Msg-Id": _letter_id(message),
    }
    if traceback:
        headers[TRACEBACK] = json.dumps(traceback[-LONGEST_TRACEBACK:])
    await jetstream.append(dead_letter_subject(service, message.subject), message.data, headers)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A dead letter, which has a ``number`` and a ``time`` of its own; ``stream``, ``consumer``, ``subject``
    and ``sequence`` say where its message was, and ``headers`` are those that it had there."""

    number: int
    time: datetime
    service: str
    stream: str
    consumer: str
    subject: str
    sequence: int
    reason: str
    traceback: str
    headers: Mapping[str, str]
    body: bytes


def letter_of(stored: Stored) -> Letter:
    """The letter that stands in the stream as *stored*. What is not there is empty: others may have put it
    there."""
    service, _, subject = stored.subject.removeprefix("cloudkit.dead.").partition(".")
    told = stored.headers
    sequence = told.get(SEQUENCE, "")
    return Letter(
        number=stored.seq,
        time=stored.time,
        service=service,
        stream=told.get(STREAM, ""),
        consumer=told.get(CONSUMER, ""),
        subject=told.get(SUBJECT) or subject,
        sequence=int(sequence) if sequence.isascii() and sequence.isdecimal() else 0,
        reason=told.get(REASON, ""),
        traceback=_read_traceback(told.get(TRACEBACK, "")),
        headers={name: value for name, value in told.items() if not name.startswith((OURS, "Nats-"))},
        body=stored.data,
    )


def _read_traceback(header: str) -> str:
    try:
        return str(json.loads(header)) if header else ""
    except ValueError:
        return header


def _letter_id(message: Msg) -> str:
    """The same letter, buried again because a term was lost, has the same id and is stored once."""
    found = message.metadata
    return f"{found.stream}.{found.consumer}.{found.sequence.stream}.{found.timestamp.timestamp()}"


def _renamed(name: str) -> str:
    return f"Original-{name}" if name.lower().startswith(("nats-", OURS.lower())) else name
