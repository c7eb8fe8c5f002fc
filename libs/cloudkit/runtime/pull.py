"""Messages of one durable consumer, asked for in portions as there is room to handle them.

::

    ask(room) ──► arrived(message) … ──► asked is 0: ask again
              └── lost: the connection broke, the consumer is gone, or nothing is heard any more

nats-py's own ``fetch`` is not used: it leaves requests behind on the server whose messages then lie in a
buffer that nobody reads, and cannot hand back what it holds when it is canceled.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as Inbox

from cloudkit.contracts.errors import Misconfigured, Unreachable
from cloudkit.runtime.jetstream import JetStream, JetStreamRefused

SECOND = 1_000_000_000
ASK_FOR = 30
"""How long a request stays open on the server, in seconds."""
HEARTBEAT = 5
"""How often the server says that an open request still is, in seconds; silence for two of them means
that it is not."""
HEARTBEAT_STATUS = "100"
NOTHING_CAME = frozenset({"404", "408"})


@dataclass(frozen=True)
class Consumer:
    """A durable consumer: its place in a stream outlives every process."""

    stream: str
    durable: str
    subjects: Sequence[str]
    ack_wait: float

    def config(self) -> dict[str, object]:
        """In JetStream's own words. Both limits are off: a message that waits is a nak with delay, which
        counts as a delivery, and holds its place among those that are not acknowledged."""
        return {
            "name": self.durable,
            "durable_name": self.durable,
            "filter_subjects": list(self.subjects),
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": int(self.ack_wait * SECOND),
            "max_deliver": -1,
            "max_ack_pending": -1,
            "replay_policy": "instant",
        }


class _ConsumerInfo(msgspec.Struct, frozen=True):
    name: str
    created: datetime


async def ensure_consumer(jetstream: JetStream, consumer: Consumer) -> None:
    """Create *consumer*, or bring an existing one up to date.

    Raises `Misconfigured`, `Unreachable` or `Unanswered`.
    """
    request = {"stream_name": consumer.stream, "config": consumer.config()}
    try:
        await jetstream.api(f"CONSUMER.CREATE.{consumer.stream}.{consumer.durable}", request, _ConsumerInfo)
    except JetStreamRefused as error:
        raise Misconfigured(
            f"consumer {consumer.durable} of stream {consumer.stream}: {error.message}: "
            f"see `nats consumer ls {consumer.stream}`",
            system="NATS",
        ) from error


class Pull:
    """An open line to *consumer*. ``asked`` is how many messages may still arrive for the last request;
    ``lost`` is why nothing will arrive any more. *wake* is set whenever one of them changes."""

    def __init__(
        self, jetstream: JetStream, consumer: Consumer, arrived: Callable[[Msg], None], wake: asyncio.Event
    ) -> None:
        self._jetstream = jetstream
        self._consumer = consumer
        self._arrived = arrived
        self._wake = wake
        self._inbox: Inbox
        self._heard_at = 0.0
        self.asked = 0
        self.lost: Unreachable | None = None

    async def open(self) -> None:
        self._inbox = await self._jetstream.connection.subscribe(self._heard)

    async def close(self) -> None:
        """Ask for nothing more; what is on its way still arrives before this returns."""
        if self.lost is None:
            await self._jetstream.connection.drain(self._inbox)
        else:
            await self._jetstream.connection.unsubscribe(self._inbox)

    async def ask(self, count: int, *, wait: bool = True) -> None:
        """Ask for up to *count* messages; without *wait* only for those that are due now."""
        request: dict[str, object] = {"batch": count}
        if wait:
            request |= {"expires": ASK_FOR * SECOND, "idle_heartbeat": HEARTBEAT * SECOND}
        else:
            request |= {"no_wait": True}
        self.asked = count
        self._heard_at = asyncio.get_running_loop().time()
        await self._jetstream.connection.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._consumer.stream}.{self._consumer.durable}",
            msgspec.json.encode(request),
            reply=self._inbox.subject,
        )

    def check(self) -> None:
        """Notice silence: a request whose server died is never answered."""
        silent_for = asyncio.get_running_loop().time() - self._heard_at
        if self.asked and silent_for > 2 * HEARTBEAT:
            self._lose("nothing is heard")

    def interrupted(self) -> None:
        """The connection broke: the server has forgotten the request."""
        self._lose("the connection broke")

    async def _heard(self, message: Msg) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        status = (message.headers or {}).get("Status", "")
        if message.reply:
            self.asked = max(0, self.asked - 1)
            self._arrived(message)
        elif status in NOTHING_CAME:
            self.asked = 0
        elif status != HEARTBEAT_STATUS:
            self._lose((message.headers or {}).get("Description", f"status {status}"))
        self._wake.set()

    def _lose(self, because: str) -> None:
        self.asked = 0
        self.lost = self.lost or Unreachable(f"{self._consumer.durable}: {because}", system="NATS")
        self._wake.set()


@asynccontextmanager
async def pulling(
    jetstream: JetStream, consumer: Consumer, arrived: Callable[[Msg], None], wake: asyncio.Event
) -> AsyncIterator[Pull]:
    """A line to *consumer*, which is made if it is not there; each message goes to *arrived*."""
    pull = Pull(jetstream, consumer, arrived, wake)
    with jetstream.connection.interruptions(pull.interrupted):
        await ensure_consumer(jetstream, consumer)
        await pull.open()
        try:
            yield pull
        finally:
            await pull.close()
