"""A subscription of one test, on subjects that no other test uses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_hex

from cloudkit.contracts.errors import Unanswered, Unreachable
from cloudkit.contracts.events import JobEvent, encode_event, read_event
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.subjects import DEAD_LETTERS, JOBS, dead_letter_subject, job_subject
from cloudkit.runtime.answers import DONE, Answer, Received
from cloudkit.runtime.bus import Bus
from cloudkit.runtime.delivery import BatchSubscription, Subscription, deliver
from cloudkit.runtime.jetstream import Stored
from contract.bus.messages import claimed

Received_ = Received[JobEvent]


@dataclass
class Postbox:
    """Job events of one namespace of their own: put in with `post`, taken out by a handler."""

    bus: Bus
    namespace: str = field(default_factory=lambda: f"ns-{token_hex(4)}")
    received: list[Received_] = field(default_factory=list)
    posted: int = 0

    async def post(self, number: int = 1, *, headers: dict[str, str] | None = None) -> None:
        """Post an event with job number *number*, each about an instance of its own."""
        event = claimed(InstanceRef(self.namespace, f"vm-{token_hex(4)}", "uid"), number)
        await self.bus.jetstream.append(job_subject(event), encode_event(event), headers or {})
        self.posted += 1

    async def post_garbage(self, headers: dict[str, str] | None = None) -> str:
        """Post what cannot be read, and say on which subject."""
        subject = job_subject(claimed(InstanceRef(self.namespace, f"vm-{token_hex(4)}", "uid")))
        await self.bus.jetstream.append(subject, b"{garbage", headers or {})
        self.posted += 1
        return subject

    def subscription(
        self,
        handler: Callable[[Received_], Awaitable[Answer]] | None = None,
        *,
        in_flight: int = 64,
        ack_wait: float = 30.0,
    ) -> Subscription[JobEvent]:
        return Subscription(
            stream=JOBS,
            subjects=[f"cloudkit.job.{self.namespace}.>"],
            durable=self.namespace,
            read=read_event,
            handler=handler or self.take,
            in_flight=in_flight,
            ack_wait=ack_wait,
        )

    def batches(
        self,
        handler: Callable[[Sequence[Received_]], Awaitable[Sequence[Answer]]],
        *,
        size: int = 100,
        every: float = 0.02,
    ) -> BatchSubscription[JobEvent]:
        return BatchSubscription(
            stream=JOBS,
            subjects=[f"cloudkit.job.{self.namespace}.>"],
            durable=self.namespace,
            read=read_event,
            handler=handler,
            size=size,
            every=every,
        )

    async def take(self, received: Received_) -> Answer:
        """The handler that is done at once."""
        self.received.append(received)
        return DONE

    @property
    def numbers(self) -> list[int]:
        return sorted(each.body.job.number for each in self.received)

    async def waiting(self) -> int:
        """How many messages are not acknowledged; -1 while some were not delivered yet."""
        try:
            info = await self.bus.jetstream.api(f"CONSUMER.INFO.{JOBS}.{self.namespace}", None, dict)
        except (Unreachable, Unanswered):  # a new consumer has no leader yet
            return -1
        if int(info["delivered"]["consumer_seq"]) < self.posted:
            return -1
        return int(info["num_pending"]) + int(info["num_ack_pending"])

    async def redelivered(self) -> int:
        """How many messages that wait for an acknowledgement were delivered more than once."""
        info = await self.bus.jetstream.api(f"CONSUMER.INFO.{JOBS}.{self.namespace}", None, dict)
        return int(info["num_redelivered"])

    async def dead_letters(self) -> list[Stored]:
        subject = dead_letter_subject(self.bus.service, f"cloudkit.job.{self.namespace}.>")
        return await self.bus.jetstream.every(DEAD_LETTERS, subject)


@asynccontextmanager
async def delivering(
    bus: Bus, subscription: Subscription[JobEvent] | BatchSubscription[JobEvent]
) -> AsyncIterator[asyncio.Event]:
    """Deliver in the background; setting what this yields, or leaving, ends it in order."""
    stopping = asyncio.Event()
    delivery = asyncio.create_task(deliver(bus, subscription, stopping=stopping))
    try:
        yield stopping
    finally:
        stopping.set()
        await delivery
