"""A job that has to end before its machine can go, and that our token may not cancel."""

import pytest
from msgspec.structs import replace

from cloudkit.contracts.errors import Forbidden
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.intents import Cancel
from cloudkit.contracts.jobs import JobKind, JobState, JobType
from cloudkit.runtime.answers import Later
from sandbox.aap.model import Status
from sandbox.aap.playbooks import Outcome, Rule
from unit.aap_poller.aap import CREATE
from unit.aap_poller.world import VM, Life, Replica, World

NOT_YOURS = Forbidden("You do not have permission to perform this action.", system="AAP", status=403)
FOREVER = 10_000


@pytest.fixture
async def forbidden(world: World, replica: Replica) -> JobEvent:
    """A job that runs for ever, is not ours to cancel, and stands in the way."""
    world.aap.state.playbooks.put_first([Rule(outcome=Outcome.STUCK, purpose=None, template=CREATE)])
    world.aap.failures["cancel"] = [NOT_YOURS] * FOREVER
    await replica.launch(world.provision())
    world.clock.pass_time(2)
    await replica.launch(world.deprovision())
    return world.last


def attempts(world: World) -> int:
    return world.aap.calls.count("cancel")


async def test_the_resource_names_the_job_and_the_right_that_is_missing(forbidden: JobEvent) -> None:
    job = forbidden.job
    assert (job.number, job.state, job.reason) == (1, JobState.RUNNING, "CancelForbidden")
    assert job.message.startswith("Job 4711 has to end first, and AAP does not let us cancel it")
    assert f"Admin on the job template '{CREATE}'" in job.message
    assert "You do not have permission" in job.message


async def test_it_is_said_once_however_long_it_goes_on(
    world: World, replica: Replica, forbidden: JobEvent
) -> None:
    """Sweeps, polls and further attempts see the same job; none of them says it again, or takes it back."""
    await Life(world, replica, world.deprovision()).go_on(200)
    assert world.last == forbidden


async def test_another_replica_that_is_refused_says_nothing_new(world: World, forbidden: JobEvent) -> None:
    asked = attempts(world)
    await world.replica().launch(world.deprovision())
    assert attempts(world) == asked + 1
    assert world.last == forbidden


async def test_it_is_tried_again_after_longer_and_longer_pauses(
    world: World, replica: Replica, forbidden: JobEvent
) -> None:
    asked_at, started = [], world.clock.monotonic()
    for _ in range(1500):
        world.clock.pass_time(1)
        before = attempts(world)
        await replica.launch(world.deprovision())
        if attempts(world) > before:
            asked_at.append(world.clock.monotonic() - started)
    assert asked_at == [10, 30, 70, 150, 310, 610, 910, 1210]


async def test_a_right_that_is_given_heals_it(world: World, replica: Replica, forbidden: JobEvent) -> None:
    world.aap.failures["cancel"] = []
    world.clock.pass_time(10)
    await replica.launch(world.deprovision())
    assert (world.last.job.reason, world.last.job.message) == ("", "Job running: being canceled")
    await Life(world, replica, world.deprovision()).go_on(30)
    assert (world.last.job.type, world.last.job.state) == (JobType.DEPROVISION, JobState.SUCCEEDED)
    assert world.aap.violations == []


async def test_a_person_who_cancels_it_ends_the_waiting(
    world: World, replica: Replica, forbidden: JobEvent
) -> None:
    world.aap.state.cancel(world.aap.only(), world.clock.now(), by="admin")
    await Life(world, replica, world.deprovision()).go_on(30)
    assert (world.last.job.type, world.last.job.state) == (JobType.DEPROVISION, JobState.SUCCEEDED)


async def test_its_own_end_ends_the_waiting(world: World, replica: Replica, forbidden: JobEvent) -> None:
    world.aap.state.force(world.aap.only(), Status.SUCCESSFUL, world.clock.now())
    await replica.sweep.once()
    assert (world.last.event, world.last.job.reason) == (JobEventName.SUCCEEDED, "")


async def test_a_cancel_for_another_provider_says_so_too(world: World, replica: Replica) -> None:
    world.aap.failures["cancel"] = [NOT_YOURS]
    await replica.launch(world.provision())
    world.clock.pass_time(2)
    cancel = Cancel(instance=VM, born=world.clock.now(), number=1, newest=world.last.job)
    assert isinstance(await replica.hear(cancel), Later)
    assert world.last.job.reason == "CancelForbidden"


async def test_what_happened_during_the_refusal_is_not_overwritten(world: World, replica: Replica) -> None:
    world.aap.failures["cancel"] = [NOT_YOURS]
    await replica.launch(world.provision())
    world.clock.pass_time(2)
    await replica.sweep.once()
    running = world.last

    async def end() -> None:
        ended = replace(running.job, state=JobState.CANCELED, revision=running.job.revision + 1)
        await world.happen(JobEventName.CANCELED, ended)

    world.log.before = end
    assert isinstance(await replica.launch(world.deprovision()), Later)
    assert world.last.event is JobEventName.CANCELED


class Meanwhile:
    """An AAP in which something happens to the job while it refuses to cancel it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> object:
        return getattr(self._world.aap, name)

    async def cancel(self, kind: JobKind, id: str) -> None:
        job = self._world.last.job
        ended = replace(job, state=JobState.SUCCEEDED, revision=job.revision + 1)
        await self._world.happen(JobEventName.SUCCEEDED, ended)
        raise NOT_YOURS


async def test_a_job_that_ends_during_the_refusal_is_closed_and_stays_so(
    world: World, replica: Replica
) -> None:
    await replica.launch(world.provision())
    world.clock.pass_time(2)
    replica.stopping._aap = Meanwhile(world)  # type: ignore[assignment]  # it passes on what it does not do
    await replica.launch(world.deprovision())
    assert world.last.event is JobEventName.SUCCEEDED
