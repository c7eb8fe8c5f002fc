"""What the resource shows of a job is written down once, by whoever hears of it."""

import pytest
from prometheus_client import REGISTRY

from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Cancel
from cloudkit.contracts.jobs import JobState, Provider
from cloudkit.runtime.answers import DONE, Later, Never
from cloudkit.runtime.ports import Position
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


def counted(outcome: str) -> float:
    labels = {"type": "provision", "outcome": outcome}
    return REGISTRY.get_sample_value("cloudkit_eda_jobs_total", labels) or 0.0


@pytest.mark.parametrize(
    ("outcome", "counts_as"),
    [
        (JobState.SUCCEEDED, "succeeded"),
        (JobState.FAILED, "failed"),
        (JobState.UNKNOWN, "abandoned"),
    ],
)
async def test_a_job_that_is_over_is_counted_once_by_how_it_ended(
    world: World, replica: Replica, outcome: JobState, counts_as: str
) -> None:
    await replica.hear(world.provision())
    before, confirm = counted(counts_as), world.confirm(world.last, outcome)
    await replica.hear(confirm)
    await world.replica().hear(confirm)
    assert counted(counts_as) == before + 1


async def test_an_end_that_somebody_else_wrote_down_is_not_counted(world: World, replica: Replica) -> None:
    await replica.hear(world.provision())
    before, confirm = counted("succeeded"), world.confirm(world.last)
    position = world.log.position

    async def and_somebody_is_faster(instance: InstanceRef) -> Position:
        seen = await position(instance)
        done = world.shown(state=JobState.SUCCEEDED, revision=3)
        await world.log.append(JobEvent(event=JobEventName.SUCCEEDED, instance=instance, job=done), seen)
        return seen

    world.log.position = and_somebody_is_faster  # type: ignore[method-assign]  # this log is read too early
    assert isinstance(await replica.hear(confirm), Later)
    assert counted("succeeded") == before


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
