"""Replaying a letter makes good what its loss has cost, and nothing else, on a real nats-server."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

import pytest
from structlog.testing import capture_logs

from cloudkit.cli.deadletters.office import Office
from cloudkit.contracts.errors import Conflict, Malformed, NotFound
from cloudkit.contracts.events import JobEvent, encode_event, read_event
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Intent, Reconcile, encode_intent, read_intent
from cloudkit.contracts.subjects import (
    INTENTS,
    JOBS,
    Addressee,
    again_subject,
    events_named,
    intent_subject,
    intents_for,
    job_subject,
    jobs_of_name,
)
from cloudkit.runtime.again import with_twins
from cloudkit.runtime.answers import DONE, Answer, Never, Received
from cloudkit.runtime.bus import Bus
from cloudkit.runtime.deadletters import Letter
from cloudkit.runtime.delivery import Subscription, deliver
from cloudkit.runtime.jetstream import Stored
from contract.bus.messages import claimed, eventually, provision, reborn

CLAIMS = "aap-poller-claims"


class Service:
    """It hears claims and intents; what it cannot handle *yet* it gives up."""

    def __init__(self) -> None:
        self.mended = False
        self.done: list[Any] = []

    async def handle(self, received: Received[Any]) -> Answer:
        if not self.mended:
            return Never("a bug")
        self.done.append(received.body)
        return DONE

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        return (
            Subscription(
                stream=JOBS,
                subjects=(events_named("claimed"),),
                durable=CLAIMS,
                read=read_event,
                handler=self.handle,
            ),
            Subscription(
                stream=INTENTS,
                subjects=(intents_for(Addressee.AAP),),
                durable="aap-poller-intents",
                read=read_intent,
                handler=self.handle,
            ),
        )


@asynccontextmanager
async def running(bus: Bus, service: Service, *, twins: bool = True) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    given = service.subscriptions()
    deliveries = [
        asyncio.create_task(deliver(bus, one, stopping=stopping))
        for one in (with_twins(given) if twins else given)
    ]
    try:
        yield
    finally:
        stopping.set()
        await asyncio.gather(*deliveries)


async def given_up(
    bus: Bus,
    office: Office,
    subject: str,
    body: bytes,
    *,
    twins: bool = True,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Letter:
    """The letter about a message that a service with a bug was sent."""
    before = len(await office.letters())
    async with running(bus, Service(), twins=twins):
        await bus.jetstream.append(subject, body, headers)

        async def is_buried() -> bool:
            return len(await office.letters()) == before + 1

        await eventually(is_buried)
    return (await office.letters())[-1]


async def a_claim(bus: Bus, office: Office, event: JobEvent, *, twins: bool = True) -> Letter:
    return await given_up(bus, office, job_subject(event), encode_event(event), twins=twins)


async def waiting(bus: Bus, subject: str = "cloudkit.intent.>") -> list[Stored]:
    return [one for one in await bus.jetstream.every(INTENTS, subject) if ".probe." not in one.subject]


async def looks(bus: Bus) -> list[Intent]:
    return [read_intent(one.data) for one in await waiting(bus, "cloudkit.intent.status.>")]


async def test_an_event_reaches_its_handler_again_and_stands_in_the_log_once(
    bus: Bus, office: Office, instance: InstanceRef
) -> None:
    event = claimed(instance)
    letter = await a_claim(bus, office, event)
    service = Service()
    service.mended = True
    async with running(bus, service):
        assert await office.replay(letter) == f"{CLAIMS} gets it once more"
        await eventually(lambda: service.done == [event])
    assert len(await bus.jetstream.every(JOBS, jobs_of_name(instance))) == 1
    assert await office.letters() == []
    assert await waiting(bus) == []


async def test_an_event_that_is_given_up_again_is_one_letter_which_can_be_replayed(
    bus: Bus, office: Office, instance: InstanceRef
) -> None:
    event = claimed(instance)
    letter = await a_claim(bus, office, event)
    await office.replay(letter)
    async with running(bus, Service()):

        async def is_buried() -> bool:
            return len(await office.letters()) == 1

        await eventually(is_buried)
    (second,) = await office.letters()
    service = Service()
    service.mended = True
    async with running(bus, service):
        await office.replay(second)
        await eventually(lambda: service.done == [event])
    assert await office.letters() == []


async def test_a_replay_that_was_interrupted_and_is_repeated_asks_once(
    bus: Bus, office: Office, instance: InstanceRef
) -> None:
    letter = await a_claim(bus, office, claimed(instance))
    await office.replay(letter)
    await office.replay(letter)  # as if the first had ended before it removed the letter
    (asked,) = await waiting(bus)
    assert asked.subject == again_subject(CLAIMS, letter.sequence)
    assert asked.data == letter.body


async def test_the_headers_of_an_event_go_with_it_but_not_those_that_jetstream_would_obey(
    bus: Bus, office: Office, instance: InstanceRef
) -> None:
    event = claimed(instance)
    told = {"ce-id": "e-1", "Nats-Msg-Id": "m-1", "Nats-Expected-Stream": JOBS}
    letter = await given_up(bus, office, job_subject(event), encode_event(event), headers=told)
    await office.replay(letter)
    (asked,) = await waiting(bus)
    assert asked.headers.get("ce-id") == "e-1"
    assert not {"Nats-Msg-Id", "Nats-Expected-Stream", "Cloudkit-Reason"} & set(asked.headers)


async def test_an_event_that_the_log_has_no_longer_becomes_a_look(
    bus: Bus, office: Office, instance: InstanceRef
) -> None:
    letter = await a_claim(bus, office, claimed(instance))
    await bus.jetstream.remove(JOBS, letter.sequence)
    assert "the job log has it no longer" in await office.replay(letter)
    assert await looks(bus) == [Reconcile(instance=instance)]
    assert await office.letters() == []


async def test_another_event_at_its_place_in_the_log_is_not_taken_for_it(
    bus: Bus, office: Office, instance: InstanceRef
) -> None:
    """A log that was lost and made again counts anew."""
    letter = await a_claim(bus, office, claimed(instance))
    await bus.jetstream.api("STREAM.DELETE.CLOUDKIT_JOBS", None, dict)
    await bus.ensure_streams()
    other = claimed(instance, claimant="another")
    await bus.jetstream.append(job_subject(other), encode_event(other), {})
    await office.replay(letter)
    assert await looks(bus) == [Reconcile(instance=instance)]


async def test_an_event_for_which_nobody_listens_is_kept(
    bus: Bus, office: Office, instance: InstanceRef
) -> None:
    letter = await a_claim(bus, office, claimed(instance), twins=False)
    with pytest.raises(NotFound, match="start aap-poller"):
        await office.replay(letter)
    assert await office.letters() == [letter]
    assert await waiting(bus) == []


async def test_an_old_wish_becomes_a_look_and_the_newer_wish_stays(
    bus: Bus, office: Office, instance: InstanceRef
) -> None:
    subject = intent_subject(Addressee.AAP, instance)
    letter = await given_up(bus, office, subject, encode_intent(provision(instance, 1)))
    await bus.intents.publish(Addressee.AAP, provision(instance, 2))
    assert await office.replay(letter) == f"the status-writer looks at {instance}"
    (newer,) = await waiting(bus, "cloudkit.intent.aap.>")
    assert read_intent(newer.data) == provision(instance, 2)
    assert await looks(bus) == [Reconcile(instance=instance)]
    assert await office.letters() == []


async def test_a_look_that_waits_already_is_enough(bus: Bus, office: Office, instance: InstanceRef) -> None:
    subject = intent_subject(Addressee.AAP, instance)
    letter = await given_up(bus, office, subject, encode_intent(provision(instance)))
    await bus.intents.publish(Addressee.STATUS, Reconcile(instance=instance))
    await office.replay(letter)
    assert await looks(bus) == [Reconcile(instance=instance)]
    assert await office.letters() == []


async def test_a_look_at_another_life_of_the_name_is_not_replaced(
    bus: Bus, office: Office, instance: InstanceRef
) -> None:
    """Of an instance that is gone a look is asked for once."""
    subject = intent_subject(Addressee.AAP, instance)
    letter = await given_up(bus, office, subject, encode_intent(provision(instance)))
    await bus.intents.publish(Addressee.STATUS, Reconcile(instance=reborn(instance)))
    before = await looks(bus)
    with pytest.raises(Conflict, match="try again in a minute"):
        await office.replay(letter)
    assert await looks(bus) == before
    assert await office.letters() == [letter]


async def test_garbage_cannot_be_replayed_and_is_kept(
    bus: Bus, office: Office, instance: InstanceRef
) -> None:
    letter = await given_up(bus, office, intent_subject(Addressee.AAP, instance), b"{garbage")
    with pytest.raises(Malformed, match="cannot be read"):
        await office.replay(letter)
    assert await office.letters() == [letter]
    assert await waiting(bus) == []


async def test_a_letter_is_dropped_once_and_others_stay(
    bus: Bus, office: Office, instance: InstanceRef
) -> None:
    subject = intent_subject(Addressee.AAP, instance)
    first = await given_up(bus, office, subject, b"1")
    second = await given_up(bus, office, subject, b"2")
    assert await office.drop(first.number)
    assert not await office.drop(first.number)
    assert not await office.drop(4711)
    assert await office.letters() == [second]
    assert await office.letter(first.number) is None
    assert await office.letter(second.number) == second


async def test_letters_are_listed_by_service(bus: Bus, office: Office, instance: InstanceRef) -> None:
    letter = await given_up(bus, office, intent_subject(Addressee.AAP, instance), b"?")
    assert await office.letters("aap-poller") == [letter]
    assert await office.letters("watcher") == []
    assert office.age(letter) < 10


async def test_the_watcher_does_not_take_what_is_asked_for_again_for_an_intent(
    bus: Bus, office: Office, instance: InstanceRef
) -> None:
    await office.replay(await a_claim(bus, office, claimed(instance)))
    assert len(await waiting(bus)) == 1
    with capture_logs() as told:
        assert await bus.intents.outstanding() == ()
    assert told == []
