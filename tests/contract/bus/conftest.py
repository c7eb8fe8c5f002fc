"""One suite for every bus: in memory, on one nats-server, and on three of them with replicas."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from cloudkit.contracts.instance import InstanceRef
from cloudkit.runtime.bus import Bus, connect
from cloudkit.runtime.health import Health
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
    """Where servers are, and how large the streams on them are made."""

    url: str
    sizes: StreamSizes


@dataclass(frozen=True)
class Ports:
    """What a handler is given."""

    jobs: JobLog
    intents: Intents
    clock: OffsetClock | ManualClock


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
async def bus(nats: Nats, clock: OffsetClock, health: Health) -> AsyncIterator[Bus]:
    """A bus on real servers."""
    async with connect(nats.url, service="tester", clock=clock, health=health, sizes=nats.sizes) as bus:
        yield bus


@pytest.fixture(params=["memory", "one node", "three nodes"])
def perhaps_nats(request: pytest.FixtureRequest) -> Nats | None:
    """Real servers, or none."""
    return None if request.param == "memory" else nats_of(request)


@pytest.fixture
async def ports(perhaps_nats: Nats | None) -> AsyncIterator[Ports]:
    """The ports, real and faked."""
    if perhaps_nats is None:
        manual = ManualClock()
        yield Ports(MemoryJobLog(manual), MemoryIntents(), manual)
        return
    clock, health = OffsetClock(), Health()
    url, sizes = perhaps_nats.url, perhaps_nats.sizes
    async with connect(url, service="tester", clock=clock, health=health, sizes=sizes) as bus:
        yield Ports(bus.jobs, bus.intents, clock)


def nats_of(request: pytest.FixtureRequest) -> Nats:
    """The servers that the parameter of *request* names; only those are started that a run needs."""
    if request.param == "one node":
        server: NatsServer = request.getfixturevalue("server")
        return Nats(server.url, SMALL)
    cluster: NatsCluster = request.getfixturevalue("cluster")
    return Nats(cluster.url, SMALL_AND_REPLICATED)


@pytest.fixture
def instance() -> InstanceRef:
    return an_instance()
