"""What a process answers over HTTP about itself."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.health import Health
from cloudkit.runtime.http import serve_http


@dataclass
class Process:
    """A process as its probes see it."""

    health: Health
    registry: CollectorRegistry
    alive: bool = True
    port: int | None = None

    async def ask(self, path: str, **headers: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{path}", headers=headers) as response,
        ):
            return response.status, await response.text()


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    process = Process(Health(), CollectorRegistry())
    async with serve_http(0, process.health, alive=lambda: process.alive, registry=process.registry) as port:
        process.port = port
        yield process


async def test_a_process_is_live_as_long_as_no_loop_died(process: Process) -> None:
    assert (await process.ask("/livez"))[0] == 200
    process.alive = False
    assert (await process.ask("/livez"))[0] == 500


async def test_a_process_is_not_ready_before_any_part_is_up(process: Process) -> None:
    assert await process.ask("/readyz") == (503, "{}")


async def test_readiness_says_how_each_part_stands(process: Process) -> None:
    process.health.up("nats")
    process.health.down("kubernetes", "connection refused")
    assert await process.ask("/readyz") == (503, '{"nats":"ok","kubernetes":"connection refused"}')
    process.health.up("kubernetes")
    assert await process.ask("/readyz") == (200, '{"nats":"ok","kubernetes":"ok"}')


async def test_a_part_that_has_several_good_answers_says_which(process: Process) -> None:
    process.health.up("lease", "standby")
    assert await process.ask("/readyz") == (200, '{"lease":"standby"}')
    process.health.down("lease", "connection refused")
    assert await process.ask("/readyz") == (503, '{"lease":"connection refused"}')
    process.health.up("lease")
    assert await process.ask("/readyz") == (200, '{"lease":"ok"}')


async def test_a_part_that_speaks_for_itself_is_asked_each_time(process: Process) -> None:
    wrong = ["no answer yet", ""]
    process.health.ask("eda", lambda: wrong[0])
    assert await process.ask("/readyz") == (503, '{"eda":"no answer yet"}')
    wrong.pop(0)
    assert await process.ask("/readyz") == (200, '{"eda":"ok"}')


async def test_metrics_are_served_in_the_format_that_is_asked_for(process: Process) -> None:
    Counter("things", "Things.", registry=process.registry).inc()
    status, plain = await process.ask("/metrics")
    assert status == 200
    assert "things_total 1.0" in plain
    _, open_metrics = await process.ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert open_metrics.endswith("# EOF\n")


async def test_no_port_means_no_server() -> None:
    async with serve_http(None, Health(), alive=lambda: True) as port:
        assert port is None


async def test_a_port_in_use_is_a_setting_to_change() -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"CLOUDKIT_HTTP_PORT is {port}, but"):
            async with serve_http(port, Health(), alive=lambda: True):
                pass


async def test_the_port_is_free_again_afterwards() -> None:
    async with serve_http(0, Health(), alive=lambda: True) as port:
        pass
    async with serve_http(port, Health(), alive=lambda: True) as again:
        assert again == port
