"""The bus as each process sees it: the real job log, board of intents and handling of messages, on a
JetStream in memory that can be reached as badly as the dice want.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
from nats.aio.msg import Msg

from cloudkit.contracts.errors import Unreachable
from cloudkit.contracts.subjects import JOBS
from cloudkit.runtime.bus import Bus
from cloudkit.runtime.connection import REQUEST_TIMEOUT, Connection
from cloudkit.runtime.delivery import BatchSubscription, Subscription
from cloudkit.runtime.handling import Handling
from cloudkit.runtime.intentboard import NatsIntents
from cloudkit.runtime.jetstream import JetStream, PubAck, Stored, StreamInfo
from cloudkit.runtime.joblog import NatsJobLog
from cloudkit.runtime.ports import Clock
from cloudkit.runtime.server_clock import ServerClock
from cloudkit.runtime.streams import StreamSizes
from simulation.consumers import Consumer, Subscriber
from simulation.faults import Dice
from simulation.hosts import Process
from simulation.loop import WORLD, Loop
from simulation.network import Network
from simulation.streams import new_streams, stream_of

T = TypeVar("T")

NATS = "NATS"
READ_PATIENCE = REQUEST_TIMEOUT
API_LEVEL = 1
"""Of the first nats-server that knows the expectation headers."""
FORGETFUL = "status-writer-events"
LOG_IS_OLD = timedelta(minutes=15)
"""How old the first log is when a run begins."""


class Server:
    """What is left when every process is dead: streams and consumers."""

    def __init__(
        self,
        loop: Loop,
        dice: Dice,
        clock: Clock,
        appended: Callable[[Process, str, bytes], None],
    ) -> None:
        self.appended = appended
        self.loop = loop
        self.dice = dice
        self.clock = clock
        self.streams = new_streams(clock.now() - LOG_IS_OLD, clock.now)
        self.consumers: dict[str, Consumer] = {}

    def consumer(self, subscription: Subscription[Any] | BatchSubscription[Any]) -> Consumer:
        """The durable consumer of *subscription*, which is made if it is not there."""
        durable = subscription.durable
        if durable not in self.consumers:
            self.consumers[durable] = Consumer(
                durable,
                self.streams[subscription.stream],
                subscription.subjects,
                subscription.ack_wait,
                self.loop,
                self.dice,
                forgetful=durable == FORGETFUL,
            )
        return self.consumers[durable]

    def settle(self, reply: str, verb: bytes) -> None:
        _, _, _, durable, _, sequence, epoch, *_ = reply.split(".")
        consumer = self.consumers[durable]
        if int(epoch) == int(consumer.stream.created.timestamp()):
            consumer.settle(int(sequence), verb)

    def lose_log(self) -> None:
        """The job log is gone; an empty one is made in its place, and its consumers too."""
        stream = replace(
            self.streams[JOBS],
            created=self.clock.now(),
            messages={},
            heard=[],
            last_sequence=0,
            _under={},
            _ids={},
        )
        self.streams[JOBS] = stream
        for durable, consumer in list(self.consumers.items()):
            if consumer.stream.name == JOBS:
                fresh = replace(
                    consumer, stream=stream, deliveries={}, _due=[], _due_at={}, _pumping_at=float("inf")
                )
                self.consumers[durable] = fresh


class _Line(Connection):
    """A connection that carries acknowledgements, if they arrive."""

    def __init__(self, server: Server, process: Process) -> None:
        self._server = server
        self._process = process

    async def publish(self, subject: str, body: bytes, *, reply: str = "") -> None:
        dice = self._server.dice
        if self._process.dead:
            raise Unreachable("dead")
        if dice.happens(dice.rates.acknowledgement_lost):
            dice.history.fault("acknowledgement lost", self._process.host.name, subject)
            return
        self._server.loop.call_later(dice.latency(), self._server.settle, subject, body, context=WORLD)


class SimulatedJetStream(JetStream):
    """JetStream as *process* reaches it."""

    def __init__(self, server: Server, network: Network, process: Process) -> None:
        super().__init__(_Line(server, process), ServerClock(process.host.clock))
        self._server = server
        self._network = network
        self._process = process

    async def api(self, name: str, body: Mapping[str, object] | None, answer: type[T]) -> T:
        """What a start asks to know that the server keeps our rules; there is nothing to be configured."""
        match name.split("."), body:
            case ["INFO"], _:
                return msgspec.convert({"api": {"level": API_LEVEL}}, answer)
            case ["STREAM", "PURGE", stream], {"filter": str(subject)}:
                await self.purge(stream, subject, up_to=self._server.streams[stream].last_sequence)
                return msgspec.convert({}, answer)
        raise NotImplementedError(name)

    async def stream_info(self, stream: str) -> StreamInfo:
        def look() -> StreamInfo:
            return StreamInfo({}, self._server.streams[stream].created, self._server.clock.now())

        sent_at = self.server_clock.ask()
        info = await self._read("info", look)
        self.server_clock.hear(info.ts, sent_at=sent_at)
        return info

    async def last(self, stream: str, subject: str) -> Stored | None:
        def look() -> tuple[Stored | None, datetime]:
            return self._server.streams[stream].last(subject), self._server.clock.now()

        sent_at = self.server_clock.ask()
        stored, now = await self._read("last", look)
        self.server_clock.hear(now, sent_at=sent_at)
        return stored

    async def every(self, stream: str, subject: str) -> list[Stored]:
        return await self._read("every", lambda: self._server.streams[stream].every(subject))

    async def append(
        self, subject: str, body: bytes, headers: Mapping[str, str], *, within: float = REQUEST_TIMEOUT
    ) -> PubAck:
        def store() -> PubAck:
            ack = self._server.streams[stream_of(subject)].append(subject, body, headers)
            self._server.appended(self._process, subject, body)
            return ack

        rates = self._server.dice.rates
        rate = rates.of_claims if subject.endswith(".claimed") else rates.of_writes
        what = f"append {subject.rsplit('.', 1)[1]}" if ".job." in subject else f"publish {subject}"
        return await self._network.request(self._process, NATS, what, store, rate=rate, patience=within)

    async def purge(self, stream: str, subject: str, *, up_to: int) -> None:
        await self._read("purge", lambda: self._server.streams[stream].purge(subject, up_to))

    async def _read(self, what: str, deed: Callable[[], T]) -> T:
        rate = self._server.dice.rates.of_reads
        return await self._network.request(self._process, NATS, what, deed, rate=rate, patience=READ_PATIENCE)


def bus_of(server: Server, network: Network, process: Process, service: str) -> Bus:
    """The bus, opened by *service* in *process*."""
    clock = process.host.clock
    jetstream = SimulatedJetStream(server, network, process)
    jetstream.server_clock.hear(
        server.clock.now(), sent_at=jetstream.server_clock.ask()
    )  # as every answer does while it connects
    return Bus(
        service=service,
        jobs=NatsJobLog(jetstream, service=service, clock=clock),
        intents=NatsIntents(jetstream, service=service, clock=clock),
        jetstream=jetstream,
        clock=clock,
        sizes=StreamSizes(),
    )


def deliver(
    bus: Bus,
    server: Server,
    process: Process,
    subscription: Subscription[Any] | BatchSubscription[Any],
    *,
    acknowledge_first: bool = False,
) -> None:
    """Deliver the messages of *subscription* to *process*, as long as it lives.

    *acknowledge_first* is a bug; see `simulation.bugs`.
    """
    loop = server.loop
    batch = isinstance(subscription, BatchSubscription)
    handler = subscription.handler if isinstance(subscription, BatchSubscription) else subscription.answers
    handling: Handling[Any] = Handling(bus, subscription.durable, subscription.read, handler)

    def handle(messages: Sequence[Msg]) -> None:
        loop.create_task(work(messages), context=process.context.copy())

    async def work(messages: Sequence[Msg]) -> None:
        if acknowledge_first:
            for message in messages:
                server.settle(message.reply, b"+ACK")
        try:
            await handling.handle(*messages)
        finally:
            for _ in messages:
                server.consumer(subscription).over(subscriber)

    async def keep() -> None:
        while True:
            await asyncio.sleep(subscription.ack_wait / 3)
            await handling.keep()

    most = subscription.size if isinstance(subscription, BatchSubscription) else subscription.in_flight
    subscriber = Subscriber(process, handle, most, subscription.every if batch else 0.0)  # type: ignore[union-attr]  # a batch has it
    server.consumer(subscription).subscribe(subscriber)
    loop.create_task(keep(), context=process.context)
