"""What buses in these tests lead to: real servers, or those of the simulation. All keep the same contract."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from cloudkit.runtime.bus import Bus, connect
from cloudkit.runtime.health import Health
from cloudkit.runtime.intentboard import NatsIntents
from cloudkit.runtime.joblog import NatsJobLog
from cloudkit.runtime.streams import StreamSizes
from contract.bus.consumers import Consumers, NatsConsumers, SimulatedConsumers
from contract.bus.messages import OffsetClock
from simulation import bus as simulated
from simulation.calm import Calm

SERVICE = "tester"


class Servers(Protocol):
    """Where messages are stored, and from where they are delivered."""

    @property
    def consumers(self) -> Consumers: ...

    def bus_by(self, clock: OffsetClock) -> Bus:
        """The bus of a process with this clock, connected long ago."""
        ...

    def connected(self, clock: OffsetClock) -> AbstractAsyncContextManager[Bus]:
        """The bus of a process with this clock, connected now."""
        ...


@dataclass(frozen=True)
class Nats:
    """Real servers, how large the streams on them are made, and an open bus to them."""

    url: str
    sizes: StreamSizes
    bus: Bus

    @property
    def consumers(self) -> NatsConsumers:
        return NatsConsumers()

    def bus_by(self, clock: OffsetClock) -> Bus:
        """The open connection, with another clock."""
        return replace(
            self.bus,
            clock=clock,
            jobs=NatsJobLog(self.bus.jetstream, service=SERVICE, clock=clock),
            intents=NatsIntents(self.bus.jetstream, service=SERVICE, clock=clock),
        )

    def connected(self, clock: OffsetClock) -> AbstractAsyncContextManager[Bus]:
        return connect(self.url, service=SERVICE, clock=clock, health=Health(), sizes=self.sizes)


class Simulated:
    """Servers of the simulation, without faults. With *replicas* they look for duplicates before they look
    at expectations."""

    def __init__(self, world: Calm, *, replicas: bool) -> None:
        self._world = world
        self._server = simulated.Server(world.loop, world.dice, OffsetClock(), lambda *_: None)
        self.consumers = SimulatedConsumers(world, self._server)
        for stream in self._server.streams.values():
            stream.looks_for_duplicates_first = replicas

    def bus_by(self, clock: OffsetClock) -> Bus:
        return simulated.bus_of(self._server, self._world.network, self._world.process(clock), SERVICE)

    @asynccontextmanager
    async def connected(self, clock: OffsetClock) -> AsyncIterator[Bus]:
        yield self.bus_by(clock)
