"""A trace goes on from a message to what its handler says."""

import asyncio

import pytest

from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.subjects import JOBS, jobs_of_uid
from cloudkit.runtime.answers import Answer, Received
from cloudkit.runtime.bus import Bus
from contract.bus.messages import an_instance, claimed, eventually
from contract.bus.postbox import Postbox
from contract.bus.servers import Servers

TRACES = {1: "0af7651916cd43dd8448eb211c80319c", 2: "4bf92f3577b34da6a3ce929d0e0e4736"}


@pytest.fixture
def postbox(bus: Bus, servers: Servers) -> Postbox:
    return Postbox(bus, servers.consumers)


async def post(postbox: Postbox, number: int) -> None:
    await postbox.post(number, headers={"traceparent": f"00-{TRACES[number]}-b7ad6b7169203331-01"})


async def trace_of(bus: Bus, instance: InstanceRef) -> str:
    said = await bus.jetstream.last(JOBS, jobs_of_uid(instance))
    assert said is not None
    return said.headers["traceparent"].split("-")[1]


async def test_what_a_handler_says_has_the_trace_of_its_message(
    bus: Bus, postbox: Postbox, instance: InstanceRef
) -> None:
    async def speak(received: Received[JobEvent]) -> Answer:
        await bus.jobs.append(claimed(instance), await bus.jobs.position(instance))
        return await postbox.take(received)

    await post(postbox, 1)
    async with postbox.delivering(postbox.subscription(speak)):
        await eventually(lambda: postbox.numbers == [1])

    assert await trace_of(bus, instance) == TRACES[1]


async def test_messages_that_are_handled_at_once_keep_their_traces_apart(bus: Bus, postbox: Postbox) -> None:
    instances = {number: an_instance() for number in TRACES}
    both_begun = asyncio.Barrier(len(TRACES))

    async def speak(received: Received[JobEvent]) -> Answer:
        await both_begun.wait()
        instance = instances[received.body.job.number]
        await bus.jobs.append(claimed(instance), await bus.jobs.position(instance))
        return await postbox.take(received)

    for number in TRACES:
        await post(postbox, number)
    async with postbox.delivering(postbox.subscription(speak)):
        await eventually(lambda: postbox.numbers == [1, 2])

    assert {number: await trace_of(bus, instance) for number, instance in instances.items()} == TRACES
