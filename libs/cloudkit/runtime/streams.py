"""The three streams, and the proof that the server keeps our rules. Run at every service's start.

`ensure` creates what is missing and refuses what is different; any number of services may run it at once.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
import structlog

from cloudkit.contracts.errors import Misconfigured, ProvisionerError
from cloudkit.contracts.subjects import (
    DEAD_LETTER_SUBJECTS,
    DEAD_LETTERS,
    INTENT_SUBJECTS,
    INTENTS,
    JOB_SUBJECTS,
    JOBS,
)
from cloudkit.runtime.jetstream import (
    STREAM_NAME_IN_USE,
    WRONG_LAST_SEQUENCE,
    Answer,
    JetStream,
    JetStreamRefused,
    StreamGone,
)

log = structlog.get_logger(__name__)

PROBES = "cloudkit.intent.probe."
"""Subjects under which the server is put to the test: they are nobody's intents."""

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
MIB = 1024 * 1024

OPERATORS_FIELDS = ("num_replicas", "max_bytes")
"""What an operator may change on a running stream: an existing value is used as it is."""


@dataclass(frozen=True)
class StreamSizes:
    """How large new streams are made. JetStream reserves ``max_bytes`` on the disk."""

    replicas: int = 1
    jobs_max_bytes: int = 1024 * MIB
    """About 1 KB per event and six events per job."""
    dead_letters_max_bytes: int = 128 * MIB


def stream_configs(sizes: StreamSizes) -> tuple[dict[str, Any], ...]:
    """The configuration of every stream, in JetStream's own words; durations in nanoseconds."""
    every = {
        "storage": "file",
        "num_replicas": sizes.replicas,
        "duplicate_window": 120 * SECOND,
        "allow_direct": True,
        "max_msgs": -1,
        "max_msg_size": -1,
    }
    return (
        every
        | {
            "name": INTENTS,
            "subjects": [INTENT_SUBJECTS],
            "retention": "workqueue",
            "max_msgs_per_subject": 1,
            "discard": "old",
            "max_age": 0,
            "max_bytes": -1,
        },
        every
        | {
            "name": JOBS,
            "subjects": [JOB_SUBJECTS],
            "retention": "limits",
            "max_msgs_per_subject": -1,
            "discard": "new",  # a full log refuses: forgetting a running job would start it twice
            "max_age": 30 * DAY,
            "max_bytes": sizes.jobs_max_bytes,
        },
        every
        | {
            "name": DEAD_LETTERS,
            "subjects": [DEAD_LETTER_SUBJECTS],
            "retention": "limits",
            "max_msgs_per_subject": -1,
            "discard": "old",
            "max_age": 30 * DAY,
            "max_bytes": sizes.dead_letters_max_bytes,
        },
    )


async def ensure(jetstream: JetStream, sizes: StreamSizes) -> None:
    """Make sure that all streams are there and as they should be.

    Raises `Misconfigured`, `Unreachable` or `Unanswered`.
    """
    problems: list[str] = []
    for config in stream_configs(sizes):
        problems += differences(config, await _existing_or_created(jetstream, config))
    if problems:
        raise Misconfigured(*problems, system="NATS")


def differences(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What is wrong with the stream *found*, one sentence for each field, with its remedy."""
    name = wanted["name"]
    return [
        f"stream {name}: {field} is {found.get(field)!r} and must be {value!r}: "
        f"change it with `nats stream edit {name}`, or remove the stream if nothing in it is needed"
        for field, value in wanted.items()
        if field not in OPERATORS_FIELDS and found.get(field) != value
    ]


async def _existing_or_created(jetstream: JetStream, config: dict[str, Any]) -> dict[str, Any]:
    name = config["name"]
    try:
        return (await jetstream.stream_info(name)).config
    except StreamGone:
        pass
    created = await _create(jetstream, config)
    if created is None:  # another service was faster
        return (await jetstream.stream_info(name)).config
    log.info("created stream", stream=name, replicas=config["num_replicas"])
    return created


async def _create(jetstream: JetStream, config: dict[str, Any]) -> dict[str, Any] | None:
    """The configuration of the new stream; None if there is one of that name by now."""
    name = config["name"]
    try:
        return (await jetstream.api(f"STREAM.CREATE.{name}", config, _Created)).config
    except JetStreamRefused as error:
        if error.code == STREAM_NAME_IN_USE:
            return None
        raise Misconfigured(f"stream {name} cannot be created: {error.message}", system="NATS") from error


class _Created(msgspec.Struct, frozen=True):
    config: dict[str, Any]


class _ApiLevel(msgspec.Struct, frozen=True):
    level: int = 0


class _Account(msgspec.Struct, frozen=True):
    api: _ApiLevel = _ApiLevel()


async def probe(jetstream: JetStream) -> None:
    """Prove that the server refuses an append that expects what is no longer so.

    nats-server 2.10 ignores the expectation header silently, and two claims would both win. The proof
    takes place in the stream of intents, so that replicas are part of it; nobody listens there, and a
    stream made for it could be left behind by a cluster that answers late.
    Raises `Misconfigured`, `Unreachable` or `Unanswered`.
    """
    if (await jetstream.api("INFO", None, _Account)).api.level < 1:
        raise Misconfigured(TOO_OLD, system="NATS")
    subject = f"{PROBES}{uuid4().hex}"
    try:
        if not await _second_append_is_refused(jetstream, subject):
            raise Misconfigured(TOO_OLD, system="NATS")
    finally:
        with suppress(ProvisionerError):
            await jetstream.api(f"STREAM.PURGE.{INTENTS}", {"filter": subject}, Answer)


async def _second_append_is_refused(jetstream: JetStream, subject: str) -> bool:
    headers = expectation(0, subject)
    await jetstream.append(subject, b"", headers)
    try:
        await jetstream.append(subject, b"", headers)
    except JetStreamRefused as error:
        return error.code == WRONG_LAST_SEQUENCE
    return False


def expectation(sequence: int, subjects: str) -> dict[str, str]:
    """Headers of an append that must fail if anything newer than *sequence* stands under *subjects*."""
    return {
        "Nats-Expected-Last-Subject-Sequence": str(sequence),
        "Nats-Expected-Last-Subject-Sequence-Subject": subjects,
    }


TOO_OLD = (
    "this nats-server ignores Nats-Expected-Last-Subject-Sequence-Subject, so a job could be started twice: "
    "run nats-server 2.11 or newer"
)
