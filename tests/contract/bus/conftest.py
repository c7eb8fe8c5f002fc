"""One suite for every bus: in memory, in the simulation, on one nats-server, and on three with replicas.

The simulation has no configuration, no connections and no orderly end of a process; what is about those is
asked of real servers alone.
"""

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import structlog

from cloudkit.contracts.instance import InstanceRef
from cloudkit.runtime.bus import Bus, connect
from cloudkit.runtime.health import Health
from cloudkit.runtime.ports import Intents, JobLog
from cloudkit.runtime.streams import StreamSizes
from cloudkit.runtime.testing import ManualClock, MemoryIntents, MemoryJobLog
from contract.bus.messages import OffsetClock, an_instance
from contract.bus.servers import Nats, Servers, Simulated
from sandbox.nats import NatsCluster, NatsServer, start_nats, start_nats_cluster
from simulation.calm import calm

MIB = 1024 * 1024
SMALL = StreamSizes(jobs_max_bytes=64 * MIB, dead_letters_max_bytes=16 * MIB)
SMALL_AND_REPLICATED = StreamSizes(3, 64 * MIB, 16 * MIB)
SERVERS = {
    "one node": "nats_on_server",
    "three nodes": "nats_on_cluster",
    "simulated": "simulated",
    "simulated with replicas": "simulated_with_replicas",
}
"""The fixture of each kind of servers."""


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


@pytest.fixture
async def simulated() -> AsyncIterator[Simulated]:
    async with calm() as world:
        yield Simulated(world, replicas=False)


@pytest.fixture
async def simulated_with_replicas() -> AsyncIterator[Simulated]:
    async with calm() as world:
        yield Simulated(world, replicas=True)


@pytest.fixture(params=["one node", "three nodes"])
def nats(request: pytest.FixtureRequest) -> Nats:
    """Real servers, shared with other tests."""
    nats = servers_of(request)
    assert isinstance(nats, Nats)
    return nats


@pytest.fixture(params=["one node", "three nodes", "simulated"])
def servers(request: pytest.FixtureRequest) -> Servers:
    """Real servers, shared with other tests, or simulated ones."""
    return servers_of(request)


@pytest.fixture
def bus(servers: Servers, clock: OffsetClock) -> Bus:
    """A bus by the clock of this test."""
    return servers.bus_by(clock)


@pytest.fixture(params=["memory", *SERVERS])
def ports(request: pytest.FixtureRequest, clock: OffsetClock) -> Ports:
    """The ports, real, simulated and faked."""
    if request.param == "memory":
        manual = ManualClock()
        return Ports(MemoryJobLog(manual), MemoryIntents(), manual)
    bus = servers_of(request).bus_by(clock)
    return Ports(bus.jobs, bus.intents, clock)


def servers_of(request: pytest.FixtureRequest) -> Servers:
    """The servers that the parameter of *request* names; only those are started that a run needs."""
    servers: Servers = request.getfixturevalue(SERVERS[request.param])
    return servers


@pytest.fixture
def instance() -> InstanceRef:
    return an_instance()
