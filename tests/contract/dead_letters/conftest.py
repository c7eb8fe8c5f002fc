"""Letters on a real nats-server, put there by the real machinery."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from cloudkit.cli.deadletters.office import Office
from cloudkit.contracts.instance import InstanceRef
from cloudkit.runtime.bus import Bus, connect
from cloudkit.runtime.health import Health
from cloudkit.runtime.streams import StreamSizes
from contract.bus.messages import OffsetClock, an_instance
from sandbox.nats import start_nats

MIB = 1024 * 1024


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """No logs: structlog's default renders a traceback for a tenth of a second."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
async def bus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bus]:
    """The bus of a service on a server of this test's own."""
    small = StreamSizes(jobs_max_bytes=64 * MIB, dead_letters_max_bytes=16 * MIB)
    async with (
        start_nats(tmp_path_factory.mktemp("nats")) as server,
        connect(server.url, service="aap-poller", clock=OffsetClock(), health=Health(), sizes=small) as bus,
    ):
        yield bus


@pytest.fixture
def office(bus: Bus) -> Office:
    return Office(bus.jetstream, bus.clock)


@pytest.fixture
def instance() -> InstanceRef:
    return an_instance()
