"""The bus: NATS JetStream as services see it. `connect` is what their ``__main__`` calls.

It waits as long as it takes until NATS is there, makes sure of the streams, and hands out the two ports
`Bus.jobs` and `Bus.intents`; consumers are run by `cloudkit.runtime.delivery.deliver`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from cloudkit.contracts.errors import ProvisionerError, Unanswered, Unreachable
from cloudkit.runtime import streams
from cloudkit.runtime.connection import REMIND_EVERY, Connection
from cloudkit.runtime.ending import end
from cloudkit.runtime.health import Health
from cloudkit.runtime.intentboard import NatsIntents
from cloudkit.runtime.jetstream import JetStream
from cloudkit.runtime.joblog import NatsJobLog
from cloudkit.runtime.ports import Clock, Intents, JobLog
from cloudkit.runtime.server_clock import ServerClock
from cloudkit.runtime.streams import StreamSizes

log = structlog.get_logger(__name__)

JETSTREAM = "jetstream"
TEND_EVERY = 3.0
LARGEST_MESSAGE = 8 * 1024 * 1024


@dataclass(frozen=True)
class Bus:
    """An open connection and what is reached through it."""

    service: str
    jobs: JobLog
    intents: Intents
    jetstream: JetStream
    clock: Clock
    sizes: StreamSizes

    async def ensure_streams(self) -> None:
        """Make the streams again that JetStream lost. Raises `Misconfigured`."""
        await streams.ensure(self.jetstream, self.sizes)


@asynccontextmanager
async def connect(
    url: str,
    *,
    service: str,
    clock: Clock,
    health: Health,
    replicas: int | None = None,
    sizes: StreamSizes | None = None,
) -> AsyncIterator[Bus]:
    """Open the bus at *url* (several servers: comma-separated) for *service*.

    *replicas* and *sizes* count for streams that do not exist yet. Raises `Misconfigured` when a person
    must help: a stream of another shape, a server too old.
    """
    sizes = sizes or StreamSizes(replicas=replicas or 1)
    connection = Connection(url, service=service, clock=clock, health=health)
    await connection.open()
    try:
        jetstream = JetStream(connection, ServerClock(clock))
        bus = Bus(
            service=service,
            jobs=NatsJobLog(jetstream, service=service, clock=clock),
            intents=NatsIntents(jetstream, service=service, clock=clock),
            jetstream=jetstream,
            clock=clock,
            sizes=sizes,
        )
        await _ready(bus, health)
        tending = asyncio.create_task(_tend(bus, health), name="nats-streams")
        try:
            yield bus
        finally:
            await end(tending)
    finally:
        await connection.close()


async def _ready(bus: Bus, health: Health) -> None:
    """Wait until JetStream serves: a cluster elects its leaders first."""
    started = reminded = bus.clock.monotonic()
    while True:
        try:
            await bus.ensure_streams()
            await streams.probe(bus.jetstream)
        except (Unreachable, Unanswered) as error:
            health.down(JETSTREAM, error.message)
            if bus.clock.monotonic() - reminded >= REMIND_EVERY:
                reminded = bus.clock.monotonic()
                log.warning("waiting for JetStream", waited=round(reminded - started), error=error.message)
            await bus.clock.sleep(0.25)
        else:
            break
    health.up(JETSTREAM)
    if bus.jetstream.connection.max_payload < LARGEST_MESSAGE:
        log.warning(
            "NATS takes only small messages: set its max_payload to 8MB",
            max_payload=bus.jetstream.connection.max_payload,
        )


async def _tend(bus: Bus, health: Health) -> None:
    """Make streams again that were lost while we run: a service that only publishes would never notice.

    Each round also hears the server's time.
    """
    while True:
        await bus.clock.sleep(TEND_EVERY)
        try:
            await bus.ensure_streams()
        except ProvisionerError as error:
            if health.parts().get(JETSTREAM) != error.message:
                log.warning("JetStream does not serve us", because=error.message)
            health.down(JETSTREAM, error.message)
        else:
            health.up(JETSTREAM)
