"""What every job log keeps to: one number is taken once, and nothing is appended on an old read."""

import asyncio
from uuid import uuid4

import pytest

from cloudkit.contracts.errors import Conflict
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.instance import InstanceRef
from contract.bus.conftest import Ports
from contract.bus.messages import claimed, reborn, said


async def test_an_instance_that_nobody_spoke_of_stands_at_nothing(
    ports: Ports, instance: InstanceRef
) -> None:
    at = await ports.jobs.position(instance)

    assert (at.sequence, at.of_name, at.of_uid, at.foreign) == (0, None, None, None)
    assert await ports.jobs.history(instance) == ()


async def test_an_append_says_where_the_instance_stands_then(ports: Ports, instance: InstanceRef) -> None:
    event = claimed(instance)

    after = await ports.jobs.append(event, await ports.jobs.position(instance))
    read = await ports.jobs.position(instance)

    assert (after.sequence, after.of_name, after.of_uid) == (read.sequence, event, event)
    assert read.of_uid == event


async def test_appends_may_follow_each_other_without_reading(ports: Ports, instance: InstanceRef) -> None:
    at = await ports.jobs.position(instance)
    for name in (JobEventName.CLAIMED, JobEventName.LAUNCHED, JobEventName.RUNNING):
        at = await ports.jobs.append(said(instance, name), at)

    history = await ports.jobs.history(instance)

    assert [event.event for event in history] == ["claimed", "launched", "running"]


async def test_an_append_on_an_old_position_is_refused(ports: Ports, instance: InstanceRef) -> None:
    at = await ports.jobs.position(instance)
    await ports.jobs.append(claimed(instance), at)

    with pytest.raises(Conflict):
        await ports.jobs.append(claimed(instance), at)


async def test_another_life_of_the_name_stands_in_the_way_too(ports: Ports, instance: InstanceRef) -> None:
    at = await ports.jobs.position(instance)
    await ports.jobs.append(claimed(reborn(instance)), await ports.jobs.position(instance))

    with pytest.raises(Conflict):
        await ports.jobs.append(claimed(instance), at)


async def test_a_position_tells_this_life_from_another(ports: Ports, instance: InstanceRef) -> None:
    old, new = claimed(instance), claimed(reborn(instance))
    await ports.jobs.append(old, await ports.jobs.position(instance))
    await ports.jobs.append(new, await ports.jobs.position(new.instance))

    at = await ports.jobs.position(instance)

    assert (at.of_uid, at.of_name, at.foreign) == (old, new, new)
    assert await ports.jobs.history(instance) == (old,)


async def test_names_that_differ_in_a_dot_are_strangers(ports: Ports) -> None:
    dotted, plain = InstanceRef("lab", "a.b", "uid-1"), InstanceRef("lab", "a", "uid-1")
    await ports.jobs.append(claimed(dotted), await ports.jobs.position(dotted))

    assert (await ports.jobs.position(plain)).sequence == 0
    assert (await ports.jobs.position(InstanceRef("lab", "a-b", "uid-1"))).sequence == 0


async def test_nothing_is_appended_when_the_read_is_older_than_ten_seconds(
    ports: Ports, instance: InstanceRef
) -> None:
    at = await ports.jobs.position(instance)
    ports.clock.pass_time(10.0)

    with pytest.raises(Conflict):
        await ports.jobs.append(claimed(instance), at)
    assert await ports.jobs.history(instance) == ()


async def test_a_message_id_that_was_used_before_is_no_success(ports: Ports, instance: InstanceRef) -> None:
    id = str(uuid4())
    at = await ports.jobs.append(claimed(instance), await ports.jobs.position(instance), id=id)

    with pytest.raises(Conflict):
        await ports.jobs.append(said(instance, JobEventName.LAUNCHED), at, id=id)


async def test_of_many_claimants_exactly_one_wins_each_number(ports: Ports, instance: InstanceRef) -> None:
    async def claim(number: int) -> str | None:
        at = await ports.jobs.position(instance)
        if at.of_uid is not None and at.of_uid.job.number >= number:
            return None
        id = str(uuid4())
        try:
            await ports.jobs.append(claimed(instance, number, claimant=id), at, id=id)
        except Conflict:
            return None
        return id

    for number in range(1, 6):
        won = [id for id in await asyncio.gather(*(claim(number) for _ in range(40))) if id]
        last = (await ports.jobs.position(instance)).of_uid
        assert last is not None
        assert won == [last.job.claimant]

    assert [event.job.number for event in await ports.jobs.history(instance)] == [1, 2, 3, 4, 5]


async def test_a_long_history_is_read_whole_and_in_order(ports: Ports, instance: InstanceRef) -> None:
    at = await ports.jobs.position(instance)
    for number in range(1, 602):
        at = await ports.jobs.append(claimed(instance, number), at)

    history = await ports.jobs.history(instance)

    assert [event.job.number for event in history] == list(range(1, 602))


async def test_a_log_has_one_birth_and_grows_older(ports: Ports) -> None:
    first, second = await ports.jobs.epoch(), await ports.jobs.epoch()

    assert first.created == second.created
    assert 0 <= first.age <= second.age
