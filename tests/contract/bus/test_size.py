"""What is too large for NATS is refused before it is sent, and nothing else is harmed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cloudkit.contracts.errors import TooLarge
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Provision, encode_intent, read_intent, without_resource
from cloudkit.contracts.subjects import INTENTS, Addressee, intent_subject
from cloudkit.runtime.bus import Bus, connect
from cloudkit.runtime.health import Health
from contract.bus.messages import NOON, OffsetClock
from sandbox.nats import start_nats

LIMIT = 64 * 1024
HEADERS_AT_MOST = 1024


@pytest.fixture(scope="module")
async def narrow(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bus]:
    """A bus on a server that takes little."""
    async with (
        start_nats(tmp_path_factory.mktemp("narrow"), max_payload="64KB") as server,
        connect(server.url, service="tester", clock=OffsetClock(), health=Health()) as bus,
    ):
        yield bus


def an_intent(instance: InstanceRef, size: int) -> Provision:
    """One whose body has *size* bytes."""
    fields: dict[str, Any] = {"born": NOON, "number": 1, "config_version": "v1", "attempt": 1}
    bare = Provision(instance=instance, resource={"x": ""}, **fields)
    padding = "x" * (size - len(encode_intent(bare)))
    return Provision(instance=instance, resource={"x": padding}, **fields)


async def test_a_message_that_is_too_large_is_refused_with_its_size_and_the_limit(
    narrow: Bus, instance: InstanceRef
) -> None:
    with pytest.raises(TooLarge) as refused:
        await narrow.intents.publish(Addressee.AAP, an_intent(instance, 2 * LIMIT))
    assert refused.value.limit == LIMIT
    assert 2 * LIMIT < refused.value.size < 2 * LIMIT + HEADERS_AT_MOST
    assert await narrow.jetstream.last(INTENTS, intent_subject(Addressee.AAP, instance)) is None


async def test_headers_count_too_and_the_connection_stays_as_it_is(
    narrow: Bus, instance: InstanceRef
) -> None:
    """The server ends the connection of whoever sends more than it takes."""
    broken = []
    with narrow.jetstream.connection.interruptions(lambda: broken.append(True)):
        for size in range(LIMIT - HEADERS_AT_MOST, LIMIT + 1, 16):
            try:
                await narrow.intents.publish(Addressee.AAP, an_intent(instance, size))
                fitted = size
            except TooLarge:
                break
        await narrow.intents.publish(Addressee.AAP, an_intent(instance, 1024))
    assert not broken
    assert LIMIT - HEADERS_AT_MOST < fitted < LIMIT


async def test_the_same_intent_without_its_resource_arrives(narrow: Bus, instance: InstanceRef) -> None:
    large = an_intent(instance, 2 * LIMIT)
    small = without_resource(large, size=2 * LIMIT, limit=LIMIT)
    await narrow.intents.publish(Addressee.AAP, small)
    stored = await narrow.jetstream.last(INTENTS, intent_subject(Addressee.AAP, instance))
    assert stored is not None
    assert read_intent(stored.data) == small
