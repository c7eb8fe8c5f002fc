"""The start: streams are made once, a different one is refused, and an unfit server is noticed."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from cloudkit.contracts.errors import Misconfigured
from cloudkit.contracts.subjects import INTENTS, JOBS
from cloudkit.runtime import streams
from cloudkit.runtime.bus import Bus, connect
from cloudkit.runtime.connection import REQUEST_TIMEOUT
from cloudkit.runtime.health import Health
from cloudkit.runtime.jetstream import PubAck
from cloudkit.runtime.streams import StreamSizes, stream_configs
from contract.bus.conftest import SMALL
from contract.bus.forwarding import ForwardingJetStream
from contract.bus.messages import OffsetClock
from sandbox.nats import NatsServer


def config_of(name: str) -> dict[str, Any]:
    return next(config for config in stream_configs(SMALL) if config["name"] == name)


async def test_services_that_start_at_once_agree_on_the_streams(own_server: NatsServer) -> None:
    async def start() -> None:
        async with connect(
            own_server.url, service="tester", clock=OffsetClock(), health=Health(), sizes=SMALL
        ) as bus:
            assert (await bus.jobs.epoch()).age >= 0

    await asyncio.gather(*(start() for _ in range(8)))


async def test_a_stream_of_another_shape_is_refused_with_the_field_and_the_remedy() -> None:
    found = config_of(JOBS) | {"discard": "old", "max_age": 0}

    problems = streams.differences(config_of(JOBS), found)

    assert len(problems) == 2
    assert "discard is 'old' and must be 'new'" in problems[0]
    assert f"nats stream edit {JOBS}" in problems[0]


async def test_a_service_does_not_start_on_a_stream_of_another_shape(own_server: NatsServer) -> None:
    health = Health()
    async with connect(
        own_server.url, service="tester", clock=OffsetClock(), health=health, sizes=SMALL
    ) as bus:
        changed = config_of(INTENTS) | {"max_msgs_per_subject": 5}
        await bus.jetstream.api(f"STREAM.UPDATE.{INTENTS}", changed, dict)

    with pytest.raises(Misconfigured) as refused:
        async with connect(own_server.url, service="tester", clock=OffsetClock(), health=health, sizes=SMALL):
            pass
    assert "max_msgs_per_subject is 5 and must be 1" in refused.value.problems[0]


async def test_what_an_operator_changed_is_used_as_it_is(own_server: NatsServer) -> None:
    for size in (32, 64):
        async with connect(
            own_server.url,
            service="tester",
            clock=OffsetClock(),
            health=Health(),
            sizes=StreamSizes(jobs_max_bytes=size * streams.MIB, dead_letters_max_bytes=streams.MIB),
        ) as bus:
            info = await bus.jetstream.stream_info(JOBS)
            assert info.config["max_bytes"] == 32 * streams.MIB


async def test_a_stream_that_the_disk_cannot_hold_is_a_setting_to_change(own_server: NatsServer) -> None:
    too_large = StreamSizes(jobs_max_bytes=2**60)

    with pytest.raises(Misconfigured, match="cannot be created"):
        async with connect(
            own_server.url, service="tester", clock=OffsetClock(), health=Health(), sizes=too_large
        ):
            pass


class OldServer(ForwardingJetStream):
    """Ignores the expectation headers, as nats-server 2.10 does."""

    async def append(
        self, subject: str, body: bytes, headers: Mapping[str, str], *, within: float = REQUEST_TIMEOUT
    ) -> PubAck:
        return await super().append(subject, body, {}, within=within)


async def test_a_server_that_ignores_expectations_is_refused(bus: Bus) -> None:
    old = OldServer(bus.jetstream)

    with pytest.raises(Misconfigured, match="started twice"):
        await streams.probe(old)


async def test_the_probe_leaves_nothing_behind(bus: Bus) -> None:
    await streams.probe(bus.jetstream)

    assert await bus.jetstream.last(INTENTS, f"{streams.PROBES}>") is None
