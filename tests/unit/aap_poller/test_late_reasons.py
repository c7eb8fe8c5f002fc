"""AAP may call a job failed before it knows why."""

import pytest

from aap_poller.rows import JobKey, Row
from cloudkit.contracts.events import JobEvent, JobEventName
from sandbox.aap.model import Status
from unit.aap_poller.aap import CREATE
from unit.aap_poller.world import VM, Replica, World, variables


class Slow:
    """What the last of several questions for a reason is answered with; the others get nothing."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, row: Row) -> str:
        self.asked += 1
        return self.answers.pop(0)


@pytest.fixture
async def failed(world: World, replica: Replica) -> JobEvent:
    """A job that has failed, and was launched for the event that this is."""
    await replica.launch(world.provision())
    await replica.sweep.once()
    launched = world.last
    world.aap.state.force(world.aap.only(), Status.FAILED, world.clock.now())
    return launched


async def sweep_for(world: World, replica: Replica, seconds: int) -> None:
    for _ in range(seconds):
        await replica.sweep.once()
        world.clock.pass_time(1)


async def test_a_reason_that_comes_late_is_waited_for(
    world: World, replica: Replica, failed: JobEvent
) -> None:
    world.aap.failure = slow = Slow("", "no space")  # type: ignore[method-assign]  # AAP is still reading
    await sweep_for(world, replica, 2)
    assert world.last == failed
    await sweep_for(world, replica, 2)
    assert (world.last.event, world.last.job.message) == (JobEventName.FAILED, "AAP job failed: no space")
    assert slow.asked == 2, "one later look is enough"


async def test_a_reason_that_never_comes_is_waited_for_once(
    world: World, replica: Replica, failed: JobEvent
) -> None:
    world.aap.failure = slow = Slow("", "")  # type: ignore[method-assign]  # AAP lost some events
    await sweep_for(world, replica, 10)
    assert world.last.job.message == "AAP job failed: see job 4711 in AAP"
    assert slow.asked == 2
    assert len(replica.records.silent) == 0


async def test_a_poll_does_not_end_a_job_before_its_reason_either(
    world: World, replica: Replica, failed: JobEvent
) -> None:
    world.aap.failure = Slow("", "no space")  # type: ignore[method-assign]  # AAP is still reading
    await replica.poll(failed)
    assert world.last == failed
    world.clock.pass_time(30)
    await replica.poll(failed)
    assert world.last.job.message == "AAP job failed: no space"


async def test_nobody_tries_to_cancel_a_job_whose_reason_is_waited_for(
    world: World, replica: Replica, failed: JobEvent
) -> None:
    world.aap.failure = Slow("", "no space")  # type: ignore[method-assign]  # AAP is still reading
    for _ in range(5):
        await replica.launch(world.deprovision())
        world.clock.pass_time(1)
    assert "cancel" not in world.aap.calls
    assert "AAP job failed: no space" in [event.job.message for event in world.log.events]


async def test_a_job_found_after_its_end_is_adopted_with_or_without_a_reason(
    world: World, replica: Replica
) -> None:
    given_up = world.shown(claimant="c", reason="LaunchLost")
    await world.happen(JobEventName.DELAYED, given_up)
    job = world.aap.run(CREATE, variables(JobKey(VM, 1)))
    world.aap.state.force(job, Status.FAILED, world.clock.now())
    world.aap.failure = Slow("")  # type: ignore[method-assign]  # AAP is still reading
    await replica.sweep.once()
    assert world.last.job.message == "AAP job failed: see job 4711 in AAP"
