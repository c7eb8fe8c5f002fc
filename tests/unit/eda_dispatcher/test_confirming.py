"""What the resource shows of a job is written down once, by whoever hears of it."""

import pytest

from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.intents import Cancel
from cloudkit.contracts.jobs import JobState, Provider
from cloudkit.runtime.answers import DONE, Never
from unit.eda_dispatcher.world import VM, Replica, World


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        (JobState.SUCCEEDED, "succeeded"),
        (JobState.FAILED, "failed"),
        (JobState.UNKNOWN, "abandoned"),
    ],
)
async def test_a_confirmed_job_is_closed(
    world: World, replica: Replica, outcome: JobState, event: str
) -> None:
    await replica.hear(world.provision())
    confirm = world.confirm(world.last, outcome)
    assert await replica.hear(confirm) == DONE
    assert await replica.hear(confirm) == DONE
    assert world.story == ["claimed", "launched", event]
    assert world.log.events[-1].closed


async def test_a_job_that_has_ended_is_not_confirmed_again(world: World, replica: Replica) -> None:
    shown = world.shown()
    await world.happen(JobEventName.FAILED, world.shown(state=JobState.FAILED, revision=3))
    assert await replica.hear(world.confirm(shown)) == DONE
    assert (world.story, world.reconciles) == (["failed"], 1)


async def test_a_job_that_a_lost_log_has_forgotten_is_closed_as_the_resource_shows_it(
    world: World, replica: Replica
) -> None:
    assert await replica.hear(world.confirm(world.shown(3))) == DONE
    assert (world.story, world.last.number, world.last.revision) == (["succeeded"], 3, 3)


async def test_a_job_of_aap_is_never_confirmed(world: World, replica: Replica) -> None:
    running = world.shown(1, provider=Provider.AAP, job_id="4711", state=JobState.RUNNING)
    await world.happen(JobEventName.RUNNING, running)
    assert await replica.hear(world.confirm(running)) == DONE
    assert world.story == ["running"]


async def test_a_job_that_a_lost_log_has_forgotten_is_followed_again(world: World, replica: Replica) -> None:
    shown = world.shown(2)
    world.clock.pass_time(1000)
    assert await replica.hear(world.follow(shown)) == DONE
    assert (world.story, world.last.number) == (["adopted"], 2)
    assert world.last.timestamp == shown.timestamp, "how long its playbook was awaited is not forgotten"
    assert await replica.hear(world.follow(world.last)) == DONE
    assert world.story == ["adopted"]


async def test_a_resource_that_shows_a_past_is_brought_up_to_date(world: World, replica: Replica) -> None:
    await world.happen(JobEventName.FAILED, world.shown(state=JobState.FAILED, revision=3))
    assert await replica.hear(world.follow(world.shown())) == DONE
    assert world.reconciles == 1


async def test_nothing_of_eda_can_be_canceled(world: World, replica: Replica) -> None:
    cancel = Cancel(instance=VM, born=world.clock.now(), number=1)
    assert isinstance(await replica.hear(cancel), Never)
