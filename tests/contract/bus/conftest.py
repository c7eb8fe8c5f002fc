"""One suite for every bus: in memory, on one nats-server, and on three of them with replicas."""

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

import pytest
import structlog

from cloudkit.contracts.instance import InstanceRef
from cloudkit.runtime.bus import Bus, connect
from cloudkit.runtime.health import Health
from cloudkit.runtime.intentboard import NatsIntents
from cloudkit.runtime.joblog import NatsJobLog
from cloudkit.runtime.ports import Intents, JobLog
from cloudkit.runtime.streams import StreamSizes
from cloudkit.runtime.testing import ManualClock, MemoryIntents, MemoryJobLog
from contract.bus.messages import OffsetClock, an_instance
from sandbox.nats import NatsCluster, NatsServer, start_nats, start_nats_cluster

MIB = 1024 * 1024
SMALL = StreamSizes(jobs_max_bytes=64 * MIB, dead_letters_max_bytes=16 * MIB)
SMALL_AND_REPLICATED = StreamSizes(3, 64 * MIB, 16 * MIB)


@dataclass(frozen=True)
class Nats:
    """Where servers are, how large the streams on them are made, and an open bus to them."""

    url: str
    sizes: StreamSizes
    bus: Bus


@dataclass(frozen=True)
class Ports:
    """What a handler is given."""

    jobs: JobLog
    intents: Intents
    clock: OffsetClock | ManualClock


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """No logs: structlog's default renders a traceback for a tenth of a second."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    """A server that no test may harm."""
    async with start_nats(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsCluster]:
    """Three nodes that no test may harm."""
    async with start_nats_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
async def nats_on_server(server: NatsServer) -> AsyncIterator[Nats]:
    async with connect(
        server.url, service="tester", clock=OffsetClock(), health=Health(), sizes=SMALL
    ) as bus:
        yield Nats(server.url, SMALL, bus)


@pytest.fixture(scope="session")
async def nats_on_cluster(cluster: NatsCluster) -> AsyncIterator[Nats]:
    async with connect(
        cluster.url, service="tester", clock=OffsetClock(), health=Health(), sizes=SMALL_AND_REPLICATED
    ) as bus:
        yield Nats(cluster.url, SMALL_AND_REPLICATED, bus)


@pytest.fixture
async def own_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    """A server that this test may kill."""
    async with start_nats(tmp_path_factory.mktemp("own")) as server:
        yield server


@pytest.fixture
def clock() -> OffsetClock:
    return OffsetClock()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture(params=["one node", "three nodes"])
def nats(request: pytest.FixtureRequest) -> Nats:
    """Real servers, shared with other tests."""
    return nats_of(request)


@pytest.fixture
def bus(nats: Nats, clock: OffsetClock) -> Bus:
    """A bus on real servers, by the clock of this test."""
    return by_the_clock(nats.bus, clock)


@pytest.fixture(params=["memory", "one node", "three nodes"])
def perhaps_nats(request: pytest.FixtureRequest) -> Nats | None:
    """Real servers, or none."""
    return None if request.param == "memory" else nats_of(request)


@pytest.fixture
def ports(perhaps_nats: Nats | None, clock: OffsetClock) -> Ports:
    """The ports, real and faked."""
    if perhaps_nats is None:
        manual = ManualClock()
        return Ports(MemoryJobLog(manual), MemoryIntents(), manual)
    bus = by_the_clock(perhaps_nats.bus, clock)
    return Ports(bus.jobs, bus.intents, clock)


def by_the_clock(bus: Bus, clock: OffsetClock) -> Bus:
    """The same connection, seen by a process with a clock of its own."""
    return replace(
        bus,
        clock=clock,
        jobs=NatsJobLog(bus.jetstream, service=bus.service, clock=clock),
        intents=NatsIntents(bus.jetstream, service=bus.service, clock=clock),
    )


def nats_of(request: pytest.FixtureRequest) -> Nats:
    """The servers that the parameter of *request* names; only those are started that a run needs."""
    name = "nats_on_server" if request.param == "one node" else "nats_on_cluster"
    nats: Nats = request.getfixturevalue(name)
    return nats


@pytest.fixture
def instance() -> InstanceRef:
    return an_instance()
