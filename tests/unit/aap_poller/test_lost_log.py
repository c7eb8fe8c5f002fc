"""The job log was lost: AAP and the resource know what it knew, and nothing runs twice."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from aap_poller.rows import JobKey
from cloudkit.contracts.errors import Unreachable
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.instance import Launch
from cloudkit.contracts.jobs import JobState, JobType
from cloudkit.runtime.answers import DONE, Later
from sandbox.aap.model import Status
from unit.aap_poller.aap import CREATE, DELETE
from unit.aap_poller.world import LOST_ANSWER_TIMEOUT, REBORN, VM, Life, Replica, World, variables


async def forget_everything(world: World) -> None:
    """The log was lost, minutes ago."""
    world.log.lose()
    world.clock.pass_time(LOST_ANSWER_TIMEOUT)


async def test_nobody_claims_in_a_lost_logs_first_minutes(world: World, replica: Replica) -> None:
    world.aap.run(CREATE, variables(JobKey(replace(VM, name="other"), 1)))
    world.log.lose()
    assert isinstance(await replica.launch(world.provision()), Later)
    assert world.aap.launches[1:] == []
    world.clock.pass_time(LOST_ANSWER_TIMEOUT)
    assert await replica.launch(world.provision()) == DONE


async def test_a_resource_that_shows_jobs_proves_that_the_log_was_lost(
    world: World, replica: Replica
) -> None:
    world.log.lose()
    shown = world.shown(1, "12", state=JobState.FAILED)
    assert isinstance(await replica.launch(world.provision(2, newest=shown)), Later)
    assert world.aap.launches == []


async def test_a_new_installation_need_not_wait(world: World, replica: Replica) -> None:
    world.log.lose()
    born = world.clock.now() - timedelta(seconds=0.9)  # in the same second, as far as Kubernetes tells
    assert await replica.launch(world.provision(born=born)) == DONE
    world.clock.pass_time(10)
    other = replace(VM, name="other", uid="uid-9")
    provision = world.provision(instance=other, born=world.clock.now())
    assert await world.replica().launch(provision) == DONE, "its own jobs are no sign"


async def test_of_an_instance_older_than_the_log_a_launch_may_be_on_its_way_that_nobody_knows_of(
    world: World, replica: Replica
) -> None:
    world.log.lose()
    assert isinstance(await replica.launch(world.deprovision(1)), Later)
    assert (world.aap.launches, world.last.job.reason) == ([], "JobLogNew")


async def test_a_launch_that_the_resource_calls_unconfirmed_proves_that_the_log_was_lost(
    world: World, replica: Replica
) -> None:
    world.log.lose()
    unconfirmed = Launch(number=1, revision=1, reason="LaunchUnconfirmed")
    born = world.clock.now() + timedelta(minutes=3)  # by a clock that is ahead
    assert isinstance(await replica.launch(world.deprovision(1, born=born, launch=unconfirmed)), Later)
    assert world.aap.launches == []


async def test_the_job_with_the_highest_number_is_adopted_before_anything_is_claimed(
    world: World, replica: Replica
) -> None:
    for number in (1, 2):
        job = world.aap.run(CREATE, variables(JobKey(VM, number)))
        world.aap.state.force(job, Status.FAILED, world.clock.now())
    await forget_everything(world)
    assert isinstance(await replica.launch(world.provision()), Later)
    assert (world.story, world.last.job.number) == (["adopted"], 2)
    assert world.last.job.claimant == ""
    assert await replica.launch(world.provision(3)) == DONE


async def test_a_job_whose_template_was_deleted_and_made_again_counts_too(
    world: World, replica: Replica
) -> None:
    job = world.aap.run(CREATE, variables(JobKey(VM, 1)))
    world.aap.state.force(job, Status.FAILED, world.clock.now())
    world.aap.remove_template(CREATE)
    world.aap.put_template(CREATE)
    await forget_everything(world)
    assert isinstance(await replica.launch(world.provision()), Later)
    assert (world.story, world.last.job.job_id) == (["adopted"], str(job.id))


async def test_a_job_that_runs_is_followed_again(world: World, replica: Replica) -> None:
    await replica.launch(world.provision())
    await forget_everything(world)
    await Life(world, replica, world.provision()).go_on(40)
    assert world.last.job.state is JobState.SUCCEEDED
    assert len(world.aap.launches) == 1


async def test_what_was_adopted_already_does_not_hide_a_higher_number(world: World, replica: Replica) -> None:
    first = world.aap.run(CREATE, variables(JobKey(VM, 1)))
    world.aap.state.force(first, Status.SUCCESSFUL, world.clock.now())
    second = world.aap.run(DELETE, variables(JobKey(VM, 2), deleting=True))
    await forget_everything(world)
    shown = world.shown(1, str(first.id))
    await replica.hear(world.follow(shown))
    assert world.story == ["adopted"]
    await replica.launch(world.deprovision(2, newest=shown))
    assert (world.last.job.number, world.last.job.job_id) == (2, str(second.id))
    assert world.last.job.type is JobType.DEPROVISION


async def test_an_unfinished_job_of_a_former_life_of_the_name_is_waited_for(
    world: World, replica: Replica
) -> None:
    former = world.aap.run(DELETE, variables(JobKey(VM, 2), deleting=True))
    await forget_everything(world)
    world.aap.state.force(former, Status.RUNNING, world.clock.now())
    life = Life(world, replica, world.provision(instance=REBORN))
    await life.go_on(2)
    assert (world.last.instance, world.last.job.job_id) == (VM, str(former.id))
    assert len(world.aap.launches) == 1
    await life.go_on(60)
    assert (world.last.instance, world.last.job.state) == (REBORN, JobState.SUCCEEDED)
    assert world.aap.violations == []


async def test_a_launch_from_before_the_loss_that_appears_minutes_later_is_adopted(
    world: World, replica: Replica
) -> None:
    world.aap.run(CREATE, variables(JobKey(VM, 1)), seen_after=200)
    world.aap.run(CREATE, variables(JobKey(replace(VM, name="other"), 1)))
    world.log.lose()
    await Life(world, replica, world.provision()).go_on(400)
    assert world.last.job.job_id == "4711"
    assert world.aap.violations == []


async def test_a_former_life_is_not_adopted_twice(world: World, replica: Replica) -> None:
    world.aap.run(DELETE, variables(JobKey(VM, 2), deleting=True))
    await forget_everything(world)
    await Life(world, replica, world.provision(instance=REBORN)).go_on(90)
    assert sum(event.instance == VM and event.job.number == 2 for event in world.log.events) <= 2


async def test_of_several_jobs_with_one_number_the_one_that_was_not_stopped_counts(
    world: World, replica: Replica
) -> None:
    first = world.aap.run(CREATE, variables(JobKey(VM, 1)))
    world.aap.state.cancel(first, world.clock.now(), by="svc")
    second = world.aap.run(CREATE, variables(JobKey(VM, 1)))
    await forget_everything(world)
    await replica.launch(world.provision())
    assert world.last.job.job_id == str(second.id)


async def test_a_job_purged_since_the_survey_still_counts(world: World, replica: Replica) -> None:
    job = world.aap.run(CREATE, variables(JobKey(VM, 3)))
    await forget_everything(world)
    await replica.launching.lost_log.look()
    world.aap.state.purge(job, world.clock.now(), by="cleanup")
    await replica.launch(world.provision())
    assert (world.last.event, world.last.job.number) == (JobEventName.ADOPTED, 3)


async def test_an_instance_with_a_claim_in_this_log_needs_no_survey(world: World, replica: Replica) -> None:
    await Life(world, replica, world.provision()).go_on(20)
    fresh = world.replica()
    asked = len(world.aap.calls)
    assert await fresh.launch(world.provision(2)) == DONE
    assert "created_between" not in world.aap.calls[asked:]


async def test_a_thousand_new_instances_need_one_survey(world: World, replica: Replica) -> None:
    for number in range(20):
        await replica.launch(world.provision(instance=replace(VM, name=f"vm-{number}")))
    assert world.aap.calls.count("created_between") == 1


async def test_another_loss_of_the_log_asks_aap_again(world: World, replica: Replica) -> None:
    await replica.launch(world.provision())
    await forget_everything(world)
    await replica.launch(world.provision())
    assert world.story == ["adopted"]
    await forget_everything(world)
    await replica.launch(world.provision())
    assert world.story == ["adopted"]
    assert len(world.aap.launches) == 1


async def test_while_aap_cannot_be_asked_nothing_is_claimed_and_the_resource_says_so(
    world: World, replica: Replica
) -> None:
    world.aap.failures["created_between"] = [Unreachable("away", system="AAP")]
    await replica.launch(world.provision())
    assert (world.story, world.last.job.reason) == (["delayed"], "ProviderUnreachable")


async def test_a_log_that_cannot_be_read_is_no_trouble_of_aap(world: World, replica: Replica) -> None:
    world.log.epoch_failures = [Unreachable("NATS is away", system="NATS")]
    with pytest.raises(Unreachable):
        await replica.launch(world.provision())
    assert world.story == []
    assert await replica.launch(world.provision()) == DONE


async def test_jobs_of_the_go_operator_hold_the_name_of_a_new_life(world: World, replica: Replica) -> None:
    given = variables(JobKey(VM, 0))
    del given["cloudkit_job"]
    world.aap.run(CREATE, given)
    await forget_everything(world)
    world.aap.state.force(next(iter(world.aap.state.jobs)), Status.RUNNING, world.clock.now())
    await Life(world, replica, world.provision(instance=REBORN)).go_on(60)
    assert world.aap.violations == []
    assert (world.last.instance, world.last.job.state) == (REBORN, JobState.SUCCEEDED)


async def test_a_delay_that_was_written_before_aap_could_be_asked_hides_no_job(
    world: World, replica: Replica
) -> None:
    world.aap.run(CREATE, variables(JobKey(VM, 1)))
    await forget_everything(world)
    world.aap.failures["created_between"] = [Unreachable("away", system="AAP")]
    await replica.launch(world.provision())
    assert world.story == ["delayed"]
    await replica.launch(world.provision())
    assert (world.story, world.last.job.job_id) == (["delayed", "adopted"], "4711")
    assert len(world.aap.launches) == 1


async def test_a_delay_hides_no_unfinished_job_of_a_former_life(world: World, replica: Replica) -> None:
    former = world.aap.run(DELETE, variables(JobKey(VM, 2), deleting=True))
    await forget_everything(world)
    world.aap.state.force(former, Status.RUNNING, world.clock.now())
    world.aap.failures["created_between"] = [Unreachable("away", system="AAP")]
    await replica.launch(world.deprovision(2, newest=world.shown(1, "4", state=JobState.SUCCEEDED)))
    assert world.story == ["delayed"]
    await replica.launch(world.provision(instance=REBORN))
    assert (world.last.instance, world.last.event) == (VM, JobEventName.ADOPTED)


async def test_the_resource_says_why_nothing_is_launched_in_a_lost_logs_first_minutes(
    world: World, replica: Replica
) -> None:
    world.log.lose()
    await replica.launch(world.provision(2, newest=world.shown(1, "12", state=JobState.FAILED)))
    assert (world.last.event, world.last.job.number) == (JobEventName.DELAYED, 2)
    assert world.last.job.reason == "JobLogNew"


async def test_what_was_asked_for_before_the_log_was_lost_is_not_obeyed_though_aap_forgot_everything(
    world: World, replica: Replica
) -> None:
    """A cleanup was launched meanwhile, and neither the log nor AAP would tell."""
    world.clock.pass_time(20)
    world.log.lose()
    world.clock.pass_time(40)
    assert await replica.hear(world.provision(), age=60.0) == DONE
    assert (world.aap.launches, world.reconciles) == ([], 1)
    world.clock.pass_time(LOST_ANSWER_TIMEOUT)
    assert await replica.hear(world.provision(), age=30.0) == DONE, "asked for by whoever has seen the loss"
    assert len(world.aap.launches) == 1


async def test_one_sign_that_the_log_was_lost_makes_everybody_wait(world: World, replica: Replica) -> None:
    """Of the others AAP may have forgotten every job, while their launches are still on their way."""
    world.log.lose()
    born = world.clock.now()
    other = replace(VM, name="other", uid="uid-9")
    assert isinstance(await replica.launch(world.provision()), Later), "it is older than the log"
    assert isinstance(await replica.launch(world.provision(instance=other, born=born)), Later)
    reborn = world.provision(instance=REBORN, born=born)
    assert isinstance(await world.replica().launch(reborn), Later), "the log says so of its name"
    assert world.aap.launches == []


async def test_whether_an_instance_is_older_than_the_log_no_difference_between_clocks_decides(
    world: World, replica: Replica
) -> None:
    world.log.lose()
    world.clock.pass_time(60)
    ahead = world.clock.now() + timedelta(minutes=3)
    assert isinstance(await replica.launch(world.provision(born=ahead, age=90.0)), Later)
    assert world.aap.launches == []
    other = replace(VM, name="other", uid="uid-9")
    behind = world.clock.now() - timedelta(minutes=3)
    young = world.provision(instance=other, born=behind, age=30.0)
    assert await world.replica().launch(young) == DONE
