"""The rules of JetStream that our code leans on, of messages that are stored, purged, delivered and done."""

import asyncio
from uuid import uuid4

import pytest

from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Intent, read_intent
from cloudkit.contracts.subjects import (
    INTENTS,
    JOBS,
    Addressee,
    intent_subject,
    job_subject,
    jobs_of_name,
    jobs_of_uid,
)
from cloudkit.runtime.answers import DONE, Answer, Never, Received
from cloudkit.runtime.bus import Bus
from cloudkit.runtime.delivery import Subscription
from cloudkit.runtime.jetstream import WRONG_LAST_SEQUENCE, JetStreamRefused
from cloudkit.runtime.streams import expectation
from contract.bus.messages import claimed, eventually, provision, reborn, said
from contract.bus.postbox import Postbox
from contract.bus.servers import Servers


async def stored(bus: Bus, subject: str, **headers: str) -> int:
    """The sequence of a message that is stored under *subject*."""
    ack = await bus.jetstream.append(subject, b"{}", headers)
    return ack.seq


async def last(bus: Bus, subject: str) -> int:
    """The sequence of the newest message under *subject*; 0 if there is none."""
    found = await bus.jetstream.last(JOBS, subject)
    return 0 if found is None else found.seq


async def test_the_last_message_is_the_newest_under_any_prefix(bus: Bus, instance: InstanceRef) -> None:
    later_life = reborn(instance)
    first = await stored(bus, job_subject(claimed(instance)))
    second = await stored(bus, job_subject(claimed(later_life)))

    assert await last(bus, jobs_of_uid(instance)) == first
    assert await last(bus, jobs_of_name(instance)) == second
    assert await last(bus, job_subject(claimed(instance))) == first
    assert await last(bus, job_subject(said(instance, JobEventName.RUNNING))) == 0


async def test_what_was_purged_is_last_no_longer(bus: Bus, instance: InstanceRef) -> None:
    first = await stored(bus, job_subject(claimed(instance)))
    running = job_subject(said(instance, JobEventName.RUNNING))
    second = await stored(bus, running)

    await bus.jetstream.purge(JOBS, running, up_to=second)

    assert await last(bus, jobs_of_name(instance)) == first
    await eventually(lambda: _left(bus, jobs_of_name(instance), [first]), what="what is left")


async def test_a_purge_leaves_what_is_newer(bus: Bus, instance: InstanceRef) -> None:
    subject = job_subject(claimed(instance))
    first, second = await stored(bus, subject), await stored(bus, subject)

    await bus.jetstream.purge(JOBS, subject, up_to=first)

    await eventually(lambda: _left(bus, subject, [second]), what="what is left")
    assert await last(bus, subject) == second


async def test_what_was_purged_is_expected_no_longer(bus: Bus, instance: InstanceRef) -> None:
    subject = job_subject(claimed(instance))
    gone = await stored(bus, subject)
    await bus.jetstream.purge(JOBS, subject, up_to=gone)

    with pytest.raises(JetStreamRefused) as refused:
        await stored(bus, subject, **expectation(gone, jobs_of_name(instance)))
    assert refused.value.code == WRONG_LAST_SEQUENCE
    assert await stored(bus, subject, **expectation(0, jobs_of_name(instance))) > gone


async def test_an_expectation_without_subjects_is_about_the_messages_own(
    bus: Bus, instance: InstanceRef
) -> None:
    subject = job_subject(claimed(instance))
    await stored(bus, job_subject(said(instance, JobEventName.RUNNING)))
    expected = "Nats-Expected-Last-Subject-Sequence"

    first = await stored(bus, subject, **{expected: "0"})

    with pytest.raises(JetStreamRefused):
        await stored(bus, subject, **{expected: "0"})
    assert await stored(bus, subject, **{expected: str(first)}) > first


async def test_a_message_id_is_stored_once(bus: Bus, instance: InstanceRef) -> None:
    subject, id = job_subject(claimed(instance)), {"Nats-Msg-Id": str(uuid4())}
    first = await bus.jetstream.append(subject, b"first", id)
    second = await bus.jetstream.append(subject, b"second", id)

    assert (first.duplicate, second.duplicate) == (False, True)
    assert second.seq == first.seq
    assert [each.data for each in await bus.jetstream.every(JOBS, subject)] == [b"first"]


@pytest.mark.parametrize("answer", [DONE, Never("no such provider")], ids=["done", "never"])
async def test_an_intent_that_was_answered_is_gone(
    bus: Bus, servers: Servers, instance: InstanceRef, answer: Answer
) -> None:
    async def reply(received: Received[Intent]) -> Answer:
        return answer

    async def is_gone() -> bool:
        return await bus.jetstream.last(INTENTS, intent_subject(Addressee.EDA, instance)) is None

    subscription = Subscription(
        stream=INTENTS,
        subjects=[intent_subject(Addressee.EDA, instance)],
        durable=instance.uid,
        read=read_intent,
        handler=reply,
    )
    await bus.intents.publish(Addressee.EDA, provision(instance))
    async with servers.consumers.delivering(bus, subscription):
        await eventually(is_gone)
    await servers.consumers.remove(bus, subscription)


async def test_an_event_that_was_answered_stays(bus: Bus, servers: Servers) -> None:
    postbox = Postbox(bus, servers.consumers)
    await postbox.post()

    async with postbox.delivering(postbox.subscription()):
        await eventually(lambda: nothing_waits(postbox))

    assert len(await bus.jetstream.every(JOBS, f"cloudkit.job.{postbox.namespace}.>")) == 1


async def test_listeners_of_one_name_share_its_messages(bus: Bus, servers: Servers) -> None:
    postbox = Postbox(bus, servers.consumers)
    subscription = postbox.subscription(in_flight=1)
    async with postbox.delivering(subscription), postbox.delivering(subscription):
        for number in range(1, 11):
            await postbox.post(number)
        await eventually(lambda: nothing_waits(postbox))

    assert postbox.numbers == list(range(1, 11))


async def test_what_a_listener_does_not_settle_in_time_comes_to_another(
    bus: Bus, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget_to_keep(handling: object) -> None:
        pass

    monkeypatch.setattr("cloudkit.runtime.handling.Handling.keep", forget_to_keep)
    postbox = Postbox(bus, servers.consumers)
    begun, release = asyncio.Event(), asyncio.Event()

    async def hang(received: Received[JobEvent]) -> Answer:
        begun.set()
        await release.wait()
        return DONE

    await postbox.post(1)
    async with postbox.delivering(postbox.subscription(hang, in_flight=1, ack_wait=0.5)):
        await begun.wait()
        async with postbox.delivering(postbox.subscription(in_flight=1, ack_wait=0.5)):
            await eventually(lambda: postbox.numbers == [1])
        release.set()

    assert [each.deliveries for each in postbox.received] == [2]


async def nothing_waits(postbox: Postbox) -> bool:
    return await postbox.waiting() == 0


async def _left(bus: Bus, subject: str, sequences: list[int]) -> bool:
    """Whether exactly these are read; a replica that lags may still have what was purged a moment ago."""
    return [each.seq for each in await bus.jetstream.every(JOBS, subject)] == sequences
