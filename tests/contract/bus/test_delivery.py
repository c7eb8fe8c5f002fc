"""What a handler's answer, its error or its crash leads to."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence

import pytest

from cloudkit.contracts.errors import Unreachable
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Intent, Provision, read_intent
from cloudkit.contracts.subjects import INTENTS, Addressee, intent_subject
from cloudkit.runtime import troubles
from cloudkit.runtime.answers import DONE, Answer, Later, Never, Received
from cloudkit.runtime.bus import Bus
from cloudkit.runtime.delivery import Subscription
from contract.bus.messages import OffsetClock, eventually, provision
from contract.bus.postbox import Postbox
from contract.bus.servers import Servers


@pytest.fixture
def postbox(bus: Bus, servers: Servers) -> Postbox:
    return Postbox(bus, servers.consumers)


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crashes and outages are retried at once."""
    monkeypatch.setattr(troubles.Trouble, "crash_pause", 0.0)
    monkeypatch.setattr(troubles.Trouble, "outage_pause", 0.0)


async def test_what_is_done_never_comes_again(postbox: Postbox) -> None:
    for number in range(1, 6):
        await postbox.post(number)

    async with postbox.delivering(postbox.subscription()):
        await eventually(lambda: len(postbox.received) == 5)
        await eventually(lambda: nothing_waits(postbox))

    assert postbox.numbers == [1, 2, 3, 4, 5]


async def test_what_is_posted_while_nobody_listens_waits(postbox: Postbox) -> None:
    async with postbox.delivering(postbox.subscription()):
        await postbox.post(1)
        await eventually(lambda: postbox.numbers == [1])
    await postbox.post(2)

    async with postbox.delivering(postbox.subscription()):
        await eventually(lambda: postbox.numbers == [1, 2])


async def test_later_brings_the_message_again_after_its_delay(postbox: Postbox) -> None:
    times: list[float] = []

    async def twice(received: Received[JobEvent]) -> Answer:
        times.append(asyncio.get_running_loop().time())
        return Later(0.3, "not yet") if len(times) == 1 else DONE

    await postbox.post()
    async with postbox.delivering(postbox.subscription(twice)):
        await eventually(lambda: len(times) == 2)

    assert 0.29 <= times[1] - times[0] < 2


async def test_waiting_messages_do_not_hold_up_others(postbox: Postbox) -> None:
    async def first_ones_wait(received: Received[JobEvent]) -> Answer:
        if received.body.job.number <= 20:
            return Later(60, "not yet")
        return await postbox.take(received)

    for number in range(1, 31):
        await postbox.post(number)
    async with postbox.delivering(postbox.subscription(first_ones_wait, in_flight=4)):
        await eventually(lambda: postbox.numbers == list(range(21, 31)))


async def test_never_more_at_once_than_in_flight(postbox: Postbox) -> None:
    running, most = 0, 0

    async def slowly(received: Received[JobEvent]) -> Answer:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return await postbox.take(received)

    for number in range(1, 31):
        await postbox.post(number)
    async with postbox.delivering(postbox.subscription(slowly, in_flight=7)):
        await eventually(lambda: len(postbox.received) == 30)

    assert most == 7


async def test_a_handler_may_take_longer_than_the_server_would_wait(postbox: Postbox) -> None:
    release = asyncio.Event()

    async def long(received: Received[JobEvent]) -> Answer:
        postbox.received.append(received)
        await release.wait()
        return DONE

    await postbox.post()
    async with postbox.delivering(postbox.subscription(long, ack_wait=0.6)):
        await eventually(lambda: len(postbox.received) == 1)
        await time_passes(1.5)
        assert await postbox.redelivered() == 0
        release.set()
        await eventually(lambda: nothing_waits(postbox))

    assert [each.deliveries for each in postbox.received] == [1]


async def test_a_message_that_comes_again_while_it_is_handled_is_not_handled_twice(
    postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget_to_keep(handling: object) -> None:
        pass

    monkeypatch.setattr("cloudkit.runtime.handling.Handling.keep", forget_to_keep)
    release = asyncio.Event()

    async def long(received: Received[JobEvent]) -> Answer:
        postbox.received.append(received)
        await release.wait()
        return DONE

    await postbox.post()
    # Once it came again, the answer must reach a busy cluster before it comes yet again.
    async with postbox.delivering(postbox.subscription(long, ack_wait=1.5)):
        await eventually(lambda: len(postbox.received) == 1)
        await eventually(lambda: is_redelivered(postbox))
        release.set()
        await eventually(lambda: nothing_waits(postbox))

    assert len(postbox.received) == 1


async def test_garbage_becomes_a_dead_letter_at_once_and_the_service_goes_on(postbox: Postbox) -> None:
    subject = await postbox.post_garbage({"ce-id": "42", "Nats-Msg-Id": "garbage-1"})
    await postbox.post(1)

    async with postbox.delivering(postbox.subscription()):
        await eventually(lambda: postbox.numbers == [1])
        await eventually(lambda: nothing_waits(postbox))

    (letter,) = await postbox.dead_letters()
    assert letter.data == b"{garbage"
    assert letter.subject == f"cloudkit.dead.tester.{subject}"
    assert letter.headers["ce-id"] == "42"
    assert letter.headers["Original-Nats-Msg-Id"] == "garbage-1"
    assert letter.headers["Cloudkit-Subject"] == subject
    assert letter.headers["Cloudkit-Reason"].startswith("not a valid JobEvent")
    assert int(letter.headers["Cloudkit-Sequence"]) > 0


async def test_never_becomes_a_dead_letter_with_its_reason(postbox: Postbox) -> None:
    async def never(received: Received[JobEvent]) -> Answer:
        return Never("no such provider")

    await postbox.post()
    async with postbox.delivering(postbox.subscription(never)):
        await eventually(lambda: nothing_waits(postbox))

    assert [letter.headers["Cloudkit-Reason"] for letter in await postbox.dead_letters()] == [
        "no such provider"
    ]


@pytest.mark.usefixtures("impatience")
async def test_ten_crashes_in_a_row_make_a_dead_letter_with_the_traceback(postbox: Postbox) -> None:
    crashes = 0

    async def crash(received: Received[JobEvent]) -> Answer:
        nonlocal crashes
        if received.body.job.number == 2:
            return await postbox.take(received)
        crashes += 1
        raise KeyError("a bug")

    await postbox.post(1)
    await postbox.post(2)
    async with postbox.delivering(postbox.subscription(crash)):
        await eventually(lambda: nothing_waits(postbox))

    (letter,) = await postbox.dead_letters()
    assert crashes == 10
    assert postbox.numbers == [2]
    assert "KeyError" in letter.headers["Cloudkit-Reason"]
    assert 'raise KeyError("a bug")' in json.loads(letter.headers["Cloudkit-Traceback"])


@pytest.mark.usefixtures("impatience")
async def test_an_outage_of_others_is_waited_out_for_ever(postbox: Postbox) -> None:
    tries = 0

    async def away_for_long(received: Received[JobEvent]) -> Answer:
        nonlocal tries
        tries += 1
        if tries <= 25:
            raise Unreachable("AAP is away", system="AAP")
        return await postbox.take(received)

    await postbox.post(1)
    async with postbox.delivering(postbox.subscription(away_for_long)):
        await eventually(lambda: postbox.numbers == [1])

    assert await postbox.dead_letters() == []


@pytest.mark.usefixtures("impatience")
async def test_waiting_in_between_forgives_crashes(postbox: Postbox) -> None:
    tries = 0

    async def sometimes_crash(received: Received[JobEvent]) -> Answer:
        nonlocal tries
        tries += 1
        if tries > 30:
            return await postbox.take(received)
        if tries % 3 == 0:
            return Later(0, "not yet")
        raise KeyError("a bug")

    await postbox.post(1)
    async with postbox.delivering(postbox.subscription(sometimes_crash)):
        await eventually(lambda: postbox.numbers == [1])

    assert await postbox.dead_letters() == []


async def test_a_batch_comes_together_and_is_answered_one_by_one(postbox: Postbox) -> None:
    sizes: list[int] = []

    async def odd_ones_are_done(batch: Sequence[Received[JobEvent]]) -> Sequence[Answer]:
        sizes.append(len(batch))
        postbox.received += batch
        return [DONE if each.body.job.number % 2 else Later(60, "even") for each in batch]

    for number in range(1, 26):
        await postbox.post(number)
    async with postbox.delivering(postbox.batches(odd_ones_are_done, size=10)):
        await eventually(lambda: len(postbox.received) == 25)
        await eventually(lambda: waits(postbox, 12))

    assert max(sizes) == 10
    assert postbox.numbers == list(range(1, 26))


async def test_a_batch_comes_when_the_last_one_is_done(postbox: Postbox) -> None:
    at_work, most = 0, 0
    begun = asyncio.Event()

    async def slowly(batch: Sequence[Received[JobEvent]]) -> Sequence[Answer]:
        nonlocal at_work, most
        begun.set()
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.1)
        at_work -= 1
        postbox.received += batch
        return [DONE] * len(batch)

    await postbox.post(1)
    async with postbox.delivering(postbox.batches(slowly)):
        await begun.wait()
        await postbox.post(2)
        await eventually(lambda: postbox.numbers == [1, 2])

    assert most == 1


@pytest.mark.usefixtures("impatience")
async def test_a_poisonous_message_does_not_take_its_batch_with_it(postbox: Postbox) -> None:
    async def poisoned(batch: Sequence[Received[JobEvent]]) -> Sequence[Answer]:
        if any(each.body.job.number == 3 for each in batch):
            raise KeyError("a bug")
        postbox.received += batch
        return [DONE] * len(batch)

    for number in range(1, 6):
        await postbox.post(number)
    async with postbox.delivering(postbox.batches(poisoned)):
        await eventually(lambda: nothing_waits(postbox))

    assert postbox.numbers == [1, 2, 4, 5]
    assert len(await postbox.dead_letters()) == 1


async def test_the_newest_intent_replaces_an_older_one_in_flight(
    bus: Bus, servers: Servers, instance: InstanceRef
) -> None:
    seen: list[int] = []
    replaced = asyncio.Event()

    async def handler(received: Received[Intent]) -> Answer:
        assert isinstance(received.body, Provision)
        seen.append(received.body.number)
        if received.body.number == 1:
            await replaced.wait()
            return Later(0, "this one is replaced")
        return DONE

    subscription = Subscription(
        stream=INTENTS,
        subjects=[intent_subject(Addressee.EDA, instance)],
        durable=instance.uid,
        read=read_intent,
        handler=handler,
    )
    async with servers.consumers.delivering(bus, subscription):
        await bus.intents.publish(Addressee.EDA, provision(instance, 1))
        await eventually(lambda: seen == [1])
        await bus.intents.publish(Addressee.EDA, provision(instance, 2))
        await eventually(lambda: seen == [1, 2])
        replaced.set()
        await bus.intents.publish(Addressee.EDA, provision(instance, 3))
        await eventually(lambda: seen == [1, 2, 3])
    await servers.consumers.remove(bus, subscription)

    assert Counter(seen) == {1: 1, 2: 1, 3: 1}


@pytest.mark.parametrize("off", [-3600.0, 3600.0])
async def test_a_wrong_wall_clock_makes_no_message_stale(servers: Servers, off: float) -> None:
    async with servers.connected(OffsetClock(wall_is_off_by=off)) as bus:
        postbox = Postbox(bus, servers.consumers)
        await postbox.post()
        async with postbox.delivering(postbox.subscription()):
            await eventually(lambda: len(postbox.received) == 1)

    assert postbox.received[0].body.event is JobEventName.CLAIMED
    assert 0 <= postbox.received[0].age < 5


async def nothing_waits(postbox: Postbox) -> bool:
    return await waits(postbox, 0)


async def waits(postbox: Postbox, count: int) -> bool:
    return await postbox.waiting() == count


async def is_redelivered(postbox: Postbox) -> bool:
    return await postbox.redelivered() > 0


async def time_passes(seconds: float) -> None:
    """Longer than the server would wait for an acknowledgement: the test is that nothing happens."""
    deadline = asyncio.get_running_loop().time() + seconds
    await eventually(lambda: asyncio.get_running_loop().time() >= deadline, within=seconds + 5)
