"""A subscription of one test, on subjects that no other test uses."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from secrets import token_hex

from cloudkit.contracts.events import JobEvent, encode_event, read_event
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.subjects import DEAD_LETTERS, JOBS, dead_letter_subject, job_subject
from cloudkit.runtime.answers import DONE, Answer, Received
from cloudkit.runtime.bus import Bus
from cloudkit.runtime.delivery import BatchSubscription, Subscription
from cloudkit.runtime.jetstream import Stored
from contract.bus.consumers import Consumers, NatsConsumers
from contract.bus.messages import claimed

Received_ = Received[JobEvent]


@dataclass
class Postbox:
    """Job events of one namespace of their own: put in with `post`, taken out by a handler."""

    bus: Bus
    consumers: Consumers = field(default_factory=NatsConsumers)
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
        self, handler: Callable[[Sequence[Received_]], Awaitable[Sequence[Answer]]], *, size: int = 100
    ) -> BatchSubscription[JobEvent]:
        return BatchSubscription(
            stream=JOBS,
            subjects=[f"cloudkit.job.{self.namespace}.>"],
            durable=self.namespace,
            read=read_event,
            handler=handler,
            size=size,
            every=0.02,
        )

    async def take(self, received: Received_) -> Answer:
        """The handler that is done at once."""
        self.received.append(received)
        return DONE

    @property
    def numbers(self) -> list[int]:
        return sorted(each.body.job.number for each in self.received)

    def delivering(
        self, subscription: Subscription[JobEvent] | BatchSubscription[JobEvent]
    ) -> AbstractAsyncContextManager[None]:
        """Deliver in the background, until the block ends."""
        return self.consumers.delivering(self.bus, subscription)

    async def waiting(self) -> int:
        """How many messages are not acknowledged; -1 while some were not delivered yet."""
        count = await self.consumers.count(self.bus, self.subscription())
        if count is None or count.delivered < self.posted:
            return -1
        return count.unsettled

    async def redelivered(self) -> int:
        """How many messages that wait for an acknowledgement were delivered more than once."""
        count = await self.consumers.count(self.bus, self.subscription())
        return 0 if count is None else count.redelivered

    async def dead_letters(self) -> list[Stored]:
        subject = dead_letter_subject(self.bus.service, f"cloudkit.job.{self.namespace}.>")
        return await self.bus.jetstream.every(DEAD_LETTERS, subject)
