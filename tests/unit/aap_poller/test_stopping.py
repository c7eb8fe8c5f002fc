"""Deleting an instance whose machine is being made: stop, see it ended, then remove."""

import pytest
from msgspec.structs import replace

from aap_poller.rows import JobKey
from cloudkit.contracts.errors import Forbidden, Unreachable
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.jobs import JobKind, JobState, JobType
from cloudkit.runtime.answers import DONE, Later
from sandbox.aap.model import Status
from sandbox.aap.playbooks import Rule
from unit.aap_poller.aap import CREATE
from unit.aap_poller.world import REBORN, VM, Life, Replica, World, variables


@pytest.mark.parametrize("seconds", [0.1, 0.25, 2], ids=["pending", "waiting", "running"])
async def test_an_instance_deleted_while_its_job_is_active_is_stopped_before_it_is_removed(
    world: World, replica: Replica, seconds: float
) -> None:
    await replica.launch(world.provision())
    world.clock.pass_time(seconds)
    await Life(world, replica, world.deprovision()).go_on(30)
    provision, deprovision = world.aap.launches
    assert world.aap.cancels == [provision.job]
    assert (world.last.job.type, world.last.job.state) == (JobType.DEPROVISION, JobState.SUCCEEDED)
    assert world.aap.violations == []
    assert "canceled" in world.story
    assert (deprovision.at - provision.at).total_seconds() >= 5, "the grace after the cancel"


async def test_a_job_canceled_in_an_earlier_life_of_the_name_gets_its_grace_too(
    world: World, replica: Replica
) -> None:
    canceled = world.shown(4, "4711", state=JobState.CANCELED, finished_at=world.clock.now())
    await world.happen(JobEventName.CANCELED, canceled)
    assert isinstance(await replica.launch(world.provision(instance=REBORN)), Later)
    assert world.aap.launches == []
    world.clock.pass_time(5)
    assert await replica.launch(world.provision(instance=REBORN)) == DONE


async def test_an_obstacle_does_not_make_the_grace_after_a_cancel_forgotten(
    world: World, replica: Replica
) -> None:
    canceled = world.shown(1, "4711", state=JobState.CANCELED, finished_at=world.clock.now())
    await world.happen(JobEventName.CANCELED, canceled)
    replica.presence.away(Unreachable("AAP is away", system="AAP"))
    assert isinstance(await replica.launch(world.deprovision()), Later)
    replica.presence.there()
    assert isinstance(await replica.launch(world.deprovision()), Later)
    assert world.aap.launches == []


@pytest.mark.parametrize("superuser", [False, True], ids=["403 for an ordinary token", "405 for a superuser"])
async def test_a_job_that_ends_between_the_check_and_the_cancel_is_done(superuser: bool) -> None:
    world = World(superuser=superuser)
    replica = world.replica()
    await replica.launch(world.provision())
    world.clock.pass_time(2)

    def end(call: str) -> None:
        if call == "cancel":
            world.aap.state.force(next(iter(world.aap.state.jobs)), Status.SUCCESSFUL, world.clock.now())

    world.aap.slow = end
    await replica.launch(world.deprovision())
    world.aap.slow = lambda _: None
    await Life(world, replica, world.deprovision()).go_on(20)
    assert "succeeded" in world.story
    assert (world.last.job.type, world.last.job.state) == (JobType.DEPROVISION, JobState.SUCCEEDED)


async def test_a_job_that_has_ended_already_is_recorded_and_not_canceled(
    world: World, replica: Replica
) -> None:
    await replica.launch(world.provision())
    world.clock.pass_time(60)
    assert isinstance(await replica.launch(world.deprovision()), Later)
    assert (world.last.event, world.aap.cancels) == (JobEventName.SUCCEEDED, [])


async def test_a_running_job_is_asked_to_stop_now_and_then_and_not_each_second(
    world: World, replica: Replica
) -> None:
    world.aap.state.playbooks.put_first([Rule(seconds=60, cancel_seconds=25)])
    await replica.launch(world.provision())
    world.clock.pass_time(2)
    await Life(world, replica, world.deprovision()).go_on(21)
    assert len(world.aap.cancels) == 3


async def test_a_job_that_may_not_be_canceled_is_waited_for(world: World, replica: Replica) -> None:
    await replica.launch(world.provision())
    world.clock.pass_time(2)
    world.aap.failures["cancel"] = [Forbidden("not yours", system="AAP", status=403) for _ in range(9)]
    await Life(world, replica, world.deprovision()).go_on(30)
    assert (world.last.job.type, world.last.job.state) == (JobType.DEPROVISION, JobState.SUCCEEDED)
    assert world.aap.cancels == []


async def test_a_purged_job_does_not_keep_its_instance_from_going(world: World, replica: Replica) -> None:
    await replica.launch(world.provision())
    world.aap.state.purge(world.aap.only(), world.clock.now(), by="cleanup")
    await Life(world, replica, world.deprovision()).go_on(30)
    assert (world.last.job.type, world.last.job.state) == (JobType.DEPROVISION, JobState.SUCCEEDED)


async def test_a_foreign_job_under_a_reused_id_is_never_canceled(world: World, replica: Replica) -> None:
    await replica.launch(world.provision())
    world.aap.state.restore(4711)
    world.aap.run(CREATE, {"somebody": "else"})
    await replica.launch(world.deprovision())
    assert world.aap.cancels == []
    assert world.last.job.reason == "JobPurged"


async def test_a_job_that_only_the_resource_remembers_is_stopped_and_recorded(
    world: World, replica: Replica
) -> None:
    """The log was lost while the instance was being deleted."""
    job = world.aap.run(CREATE, variables(JobKey(VM, 1)))
    world.clock.pass_time(2)
    shown = world.shown(1, str(job.id))
    await Life(world, replica, world.deprovision(newest=shown)).go_on(40)
    assert world.aap.cancels == [job.id]
    assert (world.last.job.type, world.last.job.state) == (JobType.DEPROVISION, JobState.SUCCEEDED)
    assert world.aap.violations == []


async def test_a_workflow_job_is_stopped_as_one(world: World, replica: Replica) -> None:
    world.aap.change_template(CREATE, job_slice_count=2)
    await replica.launch(world.provision())
    assert world.last.job.kind is JobKind.WORKFLOW_JOB
    world.clock.pass_time(2)
    await Life(world, replica, world.deprovision()).go_on(40)
    assert (world.last.job.type, world.last.job.state) == (JobType.DEPROVISION, JobState.SUCCEEDED)


async def test_a_stale_deletion_stops_the_running_job_at_once(world: World, replica: Replica) -> None:
    await replica.launch(world.provision())
    world.clock.pass_time(2)
    await replica.launch(world.deprovision(1))
    assert world.aap.cancels == [4711]
    assert world.reconciles == 1


async def test_an_aap_slower_than_a_read_is_good_for_still_stops(world: World, replica: Replica) -> None:
    await replica.launch(world.provision())
    world.clock.pass_time(60)
    world.aap.slow = lambda call: world.clock.pass_time(20)
    await replica.launch(world.deprovision())
    assert world.last.event is JobEventName.SUCCEEDED


async def test_a_failed_deprovision_is_run_again_under_the_next_number(
    world: World, replica: Replica
) -> None:
    await Life(world, replica, world.provision()).go_on(20)
    await replica.launch(world.deprovision(2))
    (job,) = (job for job in world.aap.state.jobs if job.id == int(world.last.job.job_id))
    world.aap.state.force(job, Status.FAILED, world.clock.now())
    await replica.sweep.once()
    assert world.last.event is JobEventName.FAILED
    await Life(world, replica, world.deprovision(3, newest=replace(world.last.job))).go_on(20)
    assert (world.last.job.number, world.last.job.state) == (3, JobState.SUCCEEDED)


async def test_an_id_that_comes_again_after_aap_was_restored_gets_a_grace_of_its_own(
    world: World, replica: Replica
) -> None:
    for number, job_type in ((1, JobType.PROVISION), (2, JobType.PROVISION)):
        canceled = world.shown(
            number, "4711", type=job_type, state=JobState.CANCELED, finished_at=world.clock.now()
        )
        await world.happen(JobEventName.CANCELED, canceled)
        assert isinstance(await replica.launch(world.deprovision(number + 1)), Later)
        world.clock.pass_time(replica.cancel_grace)
    assert await replica.launch(world.deprovision(3)) == DONE
