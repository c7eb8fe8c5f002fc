"""NATS goes away, comes back, comes back empty: services wait and go on, and nothing is sent late."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cloudkit.contracts.errors import Unanswered, Unreachable
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.subjects import JOBS, Addressee, job_subject
from cloudkit.runtime.bus import Bus, connect
from cloudkit.runtime.connection import Connection
from cloudkit.runtime.health import Health
from contract.bus.conftest import SMALL, SMALL_AND_REPLICATED
from contract.bus.messages import OffsetClock, claimed, eventually, provision
from contract.bus.postbox import Postbox
from sandbox.nats import NatsServer, start_nats_cluster


@pytest.fixture
async def own_bus(
    own_server: NatsServer, health: Health, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bus]:
    """A bus on a server that may be killed; it looks after itself more often than usual."""
    monkeypatch.setattr("cloudkit.runtime.bus.TEND_EVERY", 0.2)
    monkeypatch.setattr("cloudkit.runtime.connection.PULSE_EVERY", 0.2)
    async with connect(
        own_server.url, service="tester", clock=OffsetClock(), health=health, sizes=SMALL
    ) as bus:
        yield bus


@pytest.fixture
async def complaints() -> AsyncIterator[list[dict[str, Any]]]:
    """What asyncio would write to the log."""
    heard: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, what: heard.append(what))
    yield heard
    loop.set_exception_handler(None)


async def test_connecting_waits_until_nats_is_there(own_server: NatsServer) -> None:
    await own_server.stop()
    health = Health()

    async def claim() -> int:
        async with connect(
            own_server.url, service="tester", clock=OffsetClock(), health=health, sizes=SMALL
        ) as bus:
            return (await bus.jobs.position(InstanceRef("lab", "vm", "uid"))).sequence

    claiming = asyncio.create_task(claim())
    await eventually(lambda: "nats" in health.parts() and not health.ready)
    await own_server.start()

    assert await claiming == 0
    assert health.ready


async def test_health_says_when_nats_is_away(own_bus: Bus, own_server: NatsServer, health: Health) -> None:
    assert health.ready
    await own_server.kill()
    await eventually(lambda: not health.ready)
    await own_server.start()
    await eventually(lambda: health.ready)


async def test_what_is_appended_while_nats_is_away_is_refused_and_never_sent_later(
    own_bus: Bus, own_server: NatsServer, health: Health, instance: InstanceRef
) -> None:
    at = await own_bus.jobs.position(instance)
    await own_server.kill()
    await eventually(lambda: not health.ready)

    with pytest.raises(Unreachable):
        await own_bus.jobs.append(claimed(instance), at)

    await own_server.start()
    await eventually(lambda: health.ready)
    assert await own_bus.jobs.history(instance) == ()


async def test_what_was_not_sent_when_the_connection_broke_is_forgotten(
    own_bus: Bus, own_server: NatsServer, health: Health, instance: InstanceRef
) -> None:
    client = own_bus.jetstream.connection._client
    subject, body = job_subject(claimed(instance)), b"{}"
    await client._send_command(f"PUB {subject} {len(body)}\r\n".encode() + body + b"\r\n")
    assert client.pending_data_size > 0

    await own_server.kill()
    await own_server.start()

    await eventually(lambda: client.stats["reconnects"] == 1)
    await eventually(lambda: health.ready)
    assert await own_bus.jetstream.last(JOBS, subject) is None


async def test_nobody_complains_of_a_request_that_could_not_even_be_sent(
    own_bus: Bus,
    own_server: NatsServer,
    health: Health,
    instance: InstanceRef,
    complaints: list[dict[str, Any]],
) -> None:
    for _ in range(2):  # what was left behind by the first outage shows in the second
        await own_server.kill()
        await eventually(lambda: not health.ready)
        with pytest.raises(Unreachable):
            await own_bus.jobs.position(instance)
        await own_server.start()
        await eventually(lambda: health.ready)
    gc.collect()
    assert complaints == []


async def test_a_pulse_that_is_answered_too_late_does_not_deafen_the_connection(
    own_bus: Bus,
    own_server: NatsServer,
    health: Health,
    instance: InstanceRef,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cloudkit.runtime.connection.PULSE_TIMEOUT", 0.1)
    client = own_bus.jetstream.connection._client
    own_server.pause()
    await eventually(lambda: not health.ready)
    own_server.resume()
    await eventually(lambda: health.ready)

    assert (await own_bus.jobs.position(instance)).sequence == 0
    assert own_bus.jetstream.connection._client is client
    assert client.stats["reconnects"] == 0


async def test_delivery_resumes_after_the_server_was_killed(own_bus: Bus, own_server: NatsServer) -> None:
    postbox = Postbox(own_bus)
    async with postbox.delivering(postbox.subscription(ack_wait=1)):
        await postbox.post(1)
        await eventually(lambda: postbox.numbers == [1])

        await own_server.kill()
        await own_server.start()

        await eventually(lambda: posted(postbox, 2))
        await eventually(lambda: set(postbox.numbers) == {1, 2})


async def test_a_log_that_was_lost_is_made_again_and_shows_in_its_epoch(
    own_bus: Bus, own_server: NatsServer, instance: InstanceRef
) -> None:
    postbox = Postbox(own_bus)
    before = await own_bus.jobs.epoch()
    await own_bus.jobs.append(claimed(instance), await own_bus.jobs.position(instance))
    async with postbox.delivering(postbox.subscription()):
        await own_server.kill()
        await own_server.lose_data()
        await own_server.start()

        await eventually(lambda: posted(postbox, 2))
        await eventually(lambda: 2 in postbox.numbers)

    after = await own_bus.jobs.epoch()
    assert after.created > before.created
    assert (await own_bus.jobs.position(instance)).sequence == 0


async def test_lost_streams_are_made_again_for_a_service_that_only_publishes(
    own_bus: Bus, instance: InstanceRef
) -> None:
    for stream in (JOBS, "CLOUDKIT_INTENTS"):
        await own_bus.jetstream.api(f"STREAM.DELETE.{stream}", None, dict)

    async def published() -> bool:
        try:
            await own_bus.intents.publish(Addressee.AAP, provision(instance))
        except (Unreachable, Unanswered):
            return False
        return True

    await eventually(published)


async def test_a_consumer_that_somebody_deleted_is_made_again(own_bus: Bus) -> None:
    postbox = Postbox(own_bus)
    async with postbox.delivering(postbox.subscription()):
        await postbox.post(1)
        await eventually(lambda: postbox.numbers == [1])
        await own_bus.jetstream.api(f"CONSUMER.DELETE.{JOBS}.{postbox.namespace}", None, dict)
        await postbox.post(2)
        await eventually(lambda: 2 in postbox.numbers)


async def test_a_connection_that_was_closed_for_good_is_replaced(
    own_bus: Bus, health: Health, instance: InstanceRef
) -> None:
    connection: Connection = own_bus.jetstream.connection
    first = connection._client
    await first.close()

    await eventually(lambda: connection._client is not first and health.ready)

    assert (await own_bus.jobs.position(instance)).sequence == 0


async def test_a_read_loop_that_died_is_noticed(
    own_bus: Bus, health: Health, instance: InstanceRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudkit.runtime.connection.REPLACE_AFTER", 1.0)
    monkeypatch.setattr("cloudkit.runtime.connection.PULSE_TIMEOUT", 0.3)
    client = own_bus.jetstream.connection._client
    assert client._reading_task is not None
    client._reading_task.cancel()
    assert client.is_connected

    await eventually(lambda: own_bus.jetstream.connection._client is not client and health.ready)

    assert (await own_bus.jobs.position(instance)).sequence == 0


async def test_a_cluster_goes_on_when_its_leader_is_killed(
    tmp_path_factory: pytest.TempPathFactory, health: Health
) -> None:
    async with (
        start_nats_cluster(tmp_path_factory.mktemp("killed")) as cluster,
        connect(
            cluster.url, service="tester", clock=OffsetClock(), health=health, sizes=SMALL_AND_REPLICATED
        ) as bus,
    ):
        postbox = Postbox(bus)
        async with postbox.delivering(postbox.subscription(ack_wait=1)):
            await postbox.post(1)
            info = await bus.jetstream.api(f"STREAM.INFO.{JOBS}", None, dict)
            leader = next(s for s in cluster.servers if s.name == info["cluster"]["leader"])
            await leader.kill()

            await eventually(lambda: posted(postbox, 2), within=20)
            await eventually(lambda: set(postbox.numbers) == {1, 2}, within=20)


async def posted(postbox: Postbox, number: int) -> bool:
    """Whether the bus took it; it is tried again until it does."""
    try:
        await postbox.post(number)
    except (Unreachable, Unanswered):
        return False
    return True
