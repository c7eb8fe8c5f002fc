"""JetStream's JSON interface, as far as we use it: read, append, purge, and the shape of a stream.

nats-py's own context is not used for this: it drops the server's clock (``ts``) from the answers, and
parses a stored message in ten times the time.

::

    answer  ──► what was asked for
            ├── Unreachable   no leader, or no such stream: nothing was done
            ├── Unanswered    it may or may not have been done
            └── JetStreamRefused, with JetStream's own error ``code``
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from nats.aio.msg import Msg

from cloudkit.contracts.errors import Malformed, Refused, Unanswered, Unreachable
from cloudkit.runtime.connection import REQUEST_TIMEOUT, Connection
from cloudkit.runtime.server_clock import ServerClock

T = TypeVar("T")

NO_MESSAGE = 10037
STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014
STREAM_NAME_IN_USE = 10058
WRONG_LAST_SEQUENCE = 10071
SAME_SUBJECT_IN_FLIGHT = 10164
SAME_ID_IN_FLIGHT = 10158

READ_WITHIN = 5.0
BATCH = 500
END_OF_BATCH = "204"
NOTHING_THERE = "404"


class JetStreamRefused(Refused):
    """Raised when JetStream said no. ``code`` is its ``err_code``."""

    def __init__(self, message: str, *, code: int, status: int) -> None:
        super().__init__(message, system="NATS", status=status, reason="BusRefused")
        self.code = code


class StreamGone(Unreachable):
    """Raised when the stream or consumer does not exist: JetStream lost its data, or somebody deleted it."""


class ApiError(msgspec.Struct, frozen=True):
    """What JetStream puts into ``error``."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What every answer of the API may carry."""

    error: ApiError | None = None
    ts: datetime | None = None


class PubAck(msgspec.Struct, frozen=True):
    """The answer to an append."""

    seq: int = 0
    duplicate: bool = False
    error: ApiError | None = None


@dataclass(frozen=True)
class Stored:
    """A message as it stands in a stream."""

    subject: str
    seq: int
    time: datetime
    data: bytes
    headers: Mapping[str, str]


class _RawMessage(msgspec.Struct, frozen=True):
    subject: str
    seq: int
    time: datetime
    data: bytes = b""
    hdrs: bytes = b""


class _Found(msgspec.Struct, frozen=True):
    message: _RawMessage


class StreamInfo(msgspec.Struct, frozen=True):
    """A stream's configuration, birth, and the server's time at the moment of the answer."""

    config: dict[str, Any]
    created: datetime
    ts: datetime


class JetStream:
    """JetStream through *connection*; every answer sets *server_clock*."""

    def __init__(self, connection: Connection, server_clock: ServerClock) -> None:
        self.connection = connection
        self.server_clock = server_clock

    async def api(self, name: str, body: Mapping[str, object] | None, answer: type[T]) -> T:
        """Call ``$JS.API.<name>``."""
        data = b"" if body is None else msgspec.json.encode(body)
        sent_at = self.server_clock.ask()
        reply = await self.connection.request(f"$JS.API.{name}", data)
        common = _read(reply.data, Answer)
        if common.error is not None:
            raise refusal(common.error)
        if common.ts is not None:
            self.server_clock.hear(common.ts, sent_at=sent_at)
        return _read(reply.data, answer)

    async def stream_info(self, stream: str) -> StreamInfo:
        """Raises `StreamGone`."""
        return await self.api(f"STREAM.INFO.{stream}", None, StreamInfo)

    async def last(self, stream: str, subject: str) -> Stored | None:
        """The newest message under *subject*, read from the stream's leader: replicas may lag."""
        return await self._get(stream, {"last_by_subj": subject})

    async def every(self, stream: str, subject: str) -> list[Stored]:
        """Every message under *subject*, oldest first, not less than the leader had when asked.

        Any replica may answer a batch; it is asked again until it has what the leader's last message
        says that there is.
        """
        messages: list[Stored] = []
        try:
            async with asyncio.timeout(READ_WITHIN):
                while True:
                    read_to = messages[-1].seq if messages else 0
                    last = await self.last(stream, subject)
                    if last is None or last.seq <= read_to:
                        return messages
                    batch = await self._batch(stream, subject, read_to + 1)
                    messages.extend(batch)
                    if not batch:
                        await asyncio.sleep(0.01)
                    elif batch[-1].seq >= last.seq:
                        return messages
        except TimeoutError as error:
            raise Unanswered(f"{stream} was not read in time", system="NATS") from error

    async def append(
        self, subject: str, body: bytes, headers: Mapping[str, str], *, within: float = REQUEST_TIMEOUT
    ) -> PubAck:
        """Store a message. Raises `JetStreamRefused`, `Unreachable` or `Unanswered`."""
        reply = await self.connection.request(subject, body, headers=headers, within=within)
        ack = _read(reply.data, PubAck)
        if ack.error is not None:
            raise refusal(ack.error)
        return ack

    async def purge(self, stream: str, subject: str, *, up_to: int) -> None:
        """Remove the messages of *subject* up to and with sequence *up_to*."""
        await self.api(f"STREAM.PURGE.{stream}", {"filter": subject, "seq": up_to + 1}, Answer)

    async def at(self, stream: str, sequence: int) -> Stored | None:
        """The message with this *sequence*, if it is there."""
        return await self._get(stream, {"seq": sequence})

    async def remove(self, stream: str, sequence: int) -> bool:
        """Remove the message with this *sequence*. Whether it was there."""
        try:
            await self.api(f"STREAM.MSG.DELETE.{stream}", {"seq": sequence, "no_erase": True}, Answer)
        except JetStreamRefused:
            if await self.at(stream, sequence) is None:
                return False
            raise
        return True

    async def has_consumer(self, stream: str, durable: str) -> bool:
        """Whether somebody has ever listened in *stream* as *durable*."""
        try:
            await self.api(f"CONSUMER.INFO.{stream}.{durable}", None, Answer)
        except StreamGone:
            return False
        return True

    async def _get(self, stream: str, which: dict[str, Any]) -> Stored | None:
        try:
            found = (await self.api(f"STREAM.MSG.GET.{stream}", which, _Found)).message
        except JetStreamRefused as error:
            if error.code == NO_MESSAGE:
                return None
            raise
        return Stored(found.subject, found.seq, found.time, found.data, read_headers(found.hdrs))

    async def _batch(self, stream: str, subject: str, start: int) -> list[Stored]:
        messages: list[Stored] = []
        ended = asyncio.get_running_loop().create_future()

        async def heard(message: Msg) -> None:
            headers = message.headers or {}
            if "Nats-Sequence" in headers:
                messages.append(_direct(message, headers))
            elif not ended.done():
                ended.set_result(headers.get("Status", ""))

        inbox = await self.connection.subscribe(heard)
        try:
            wanted = msgspec.json.encode({"seq": start, "next_by_subj": subject, "batch": BATCH})
            await self.connection.publish(f"$JS.API.DIRECT.GET.{stream}", wanted, reply=inbox.subject)
            async with asyncio.timeout(REQUEST_TIMEOUT):
                status = await ended
        finally:
            await self.connection.unsubscribe(inbox)
        if status not in {END_OF_BATCH, NOTHING_THERE}:
            raise Unreachable(f"{stream} cannot be read: status {status}", system="NATS")
        return messages


def refusal(error: ApiError) -> JetStreamRefused | Unreachable:
    """*error* of JetStream as one of ours."""
    text = f"{error.description} ({error.err_code})"
    if error.err_code in {STREAM_NOT_FOUND, CONSUMER_NOT_FOUND}:
        return StreamGone(text, system="NATS")
    if error.code == 503:
        return Unreachable(text, system="NATS")
    return JetStreamRefused(text, code=error.err_code, status=error.code)


def read_headers(block: bytes) -> dict[str, str]:
    """The headers in a NATS header block."""
    lines = block.decode(errors="replace").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _direct(message: Msg, headers: Mapping[str, str]) -> Stored:
    return Stored(
        subject=headers["Nats-Subject"],
        seq=int(headers["Nats-Sequence"]),
        time=msgspec.convert(headers["Nats-Time-Stamp"], datetime),
        data=message.data,
        headers=headers,
    )


def _read(data: bytes, type: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=type)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"JetStream answered what we cannot read: {error}", system="NATS") from error
