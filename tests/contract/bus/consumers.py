"""Who delivers in these tests, and what servers say of it: those of NATS, or those of the simulation."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from cloudkit.contracts.errors import Unanswered, Unreachable
from cloudkit.runtime.bus import Bus
from cloudkit.runtime.delivery import BatchSubscription, Subscription, deliver
from simulation import bus as simulated
from simulation.calm import Calm

AnySubscription: TypeAlias = Subscription[Any] | BatchSubscription[Any]


@dataclass(frozen=True)
class Count:
    """How many messages were ever delivered, how many are not settled, and how many of these were delivered
    more than once."""

    delivered: int
    unsettled: int
    redelivered: int


class Consumers(Protocol):
    """The durable consumers of some servers."""

    def delivering(self, bus: Bus, subscription: AnySubscription) -> AbstractAsyncContextManager[None]:
        """Deliver in the background, until the block ends."""
        ...

    async def count(self, bus: Bus, subscription: AnySubscription) -> Count | None:
        """None while the consumer has no leader."""
        ...

    async def remove(self, bus: Bus, subscription: AnySubscription) -> None: ...


class NatsConsumers:
    """Those of the servers that a bus is connected to."""

    @asynccontextmanager
    async def delivering(self, bus: Bus, subscription: AnySubscription) -> AsyncIterator[None]:
        """Ends in order."""
        stopping = asyncio.Event()
        delivery = asyncio.create_task(deliver(bus, subscription, stopping=stopping))
        try:
            yield
        finally:
            stopping.set()
            await delivery

    async def count(self, bus: Bus, subscription: AnySubscription) -> Count | None:
        try:
            info = await bus.jetstream.api(f"CONSUMER.INFO.{_name(subscription)}", None, dict)
        except (Unreachable, Unanswered):
            return None
        return Count(
            delivered=int(info["delivered"]["consumer_seq"]),
            unsettled=int(info["num_pending"]) + int(info["num_ack_pending"]),
            redelivered=int(info["num_redelivered"]),
        )

    async def remove(self, bus: Bus, subscription: AnySubscription) -> None:
        await bus.jetstream.api(f"CONSUMER.DELETE.{_name(subscription)}", None, dict)


@dataclass(frozen=True)
class SimulatedConsumers:
    """Those of the simulation."""

    world: Calm
    server: simulated.Server

    @asynccontextmanager
    async def delivering(self, bus: Bus, subscription: AnySubscription) -> AsyncIterator[None]:
        """Ends as processes end there: the listener dies."""
        process = self.world.process(bus.clock)
        listener = simulated.bus_of(self.server, self.world.network, process, bus.service)
        simulated.deliver(listener, self.server, process, subscription)
        try:
            yield
        finally:
            process.kill()

    async def count(self, bus: Bus, subscription: AnySubscription) -> Count:
        consumer = self.server.consumers[subscription.durable]
        deliveries = [consumer.deliveries.get(stored.seq, 0) for stored in consumer.unsettled]
        return Count(
            delivered=sum(consumer.deliveries.values()),
            unsettled=len(deliveries),
            redelivered=sum(times > 1 for times in deliveries),
        )

    async def remove(self, bus: Bus, subscription: AnySubscription) -> None:
        del self.server.consumers[subscription.durable]


def _name(subscription: AnySubscription) -> str:
    return f"{subscription.stream}.{subscription.durable}"
