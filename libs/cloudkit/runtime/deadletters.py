"""Dead letters: messages that nobody could handle, kept with the reason in the stream CLOUDKIT_DEADLETTERS.

Body and headers stay as they were, so a letter can be sent again once the bug is mended; JetStream's own
headers get the prefix ``Original-``, for they would be obeyed a second time.
"""

import json

from nats.aio.msg import Msg

from cloudkit.contracts.subjects import dead_letter_subject
from cloudkit.runtime.jetstream import JetStream

REASON = "Cloudkit-Reason"
TRACEBACK = "Cloudkit-Traceback"
"""A JSON string: a header has one line, a traceback many."""
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
        "Cloudkit-Stream": found.stream,
        "Cloudkit-Consumer": found.consumer,
        "Cloudkit-Subject": message.subject,
        "Cloudkit-Sequence": str(found.sequence.stream),
        "Cloudkit-Time": found.timestamp.isoformat(),
        "Nats-Msg-Id": _letter_id(message),
    }
    if traceback:
        headers[TRACEBACK] = json.dumps(traceback[-LONGEST_TRACEBACK:])
    await jetstream.append(dead_letter_subject(service, message.subject), message.data, headers)


def _letter_id(message: Msg) -> str:
    """The same letter, buried again because a term was lost, has the same id and is stored once."""
    found = message.metadata
    return f"{found.stream}.{found.consumer}.{found.sequence.stream}.{found.timestamp.timestamp()}"


def _renamed(name: str) -> str:
    return f"Original-{name}" if name.lower().startswith("nats-") else name
