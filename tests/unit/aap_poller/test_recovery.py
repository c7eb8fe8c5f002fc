"""Claims whose launch nobody saw succeed: looked for, adopted, or given up; never launched on a guess."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from aap_poller.rows import JobKey
from cloudkit.contracts.errors import Forbidden, Unanswered, Unreachable
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.jobs import JobState, JobType, Provider
from cloudkit.runtime.answers import DONE, Later
from sandbox.aap.model import TemplateKind
from unit.aap_poller.aap import CREATE, DELETE
from unit.aap_poller.world import LOST_ANSWER_TIMEOUT, VM, Life, Replica, World, variables

KEY = JobKey(VM, 1)


@pytest.fixture
async def claim(world: World) -> JobEvent:
    """One whose process died right after it."""
    job = world.shown(state=JobState.PENDING, revision=1, claimant="claim-1", template=CREATE)
    return await world.happen(JobEventName.CLAIMED, job)


async def test_a_young_claim_is_left_to_its_launch(world: World, replica: Replica, claim: JobEvent) -> None:
    assert await replica.recover(claim, age=1) == Later(5.0, "its launch may still be under way")
    assert world.aap.calls == []


async def test_a_claim_that_was_launched_needs_nothing(
    world: World, replica: Replica, claim: JobEvent
) -> None:
    await world.happen(JobEventName.LAUNCHED, replace(claim.job, job_id="4711"))
    assert await replica.recover(claim) == DONE
    assert world.aap.calls == []


async def test_a_job_that_appears_is_adopted(world: World, replica: Replica, claim: JobEvent) -> None:
    assert isinstance(await replica.recover(claim), Later)
    assert world.reconciles == 1, "the resource says LaunchUnconfirmed meanwhile"
    world.aap.run(CREATE, variables(KEY))
    assert await replica.recover(claim) == DONE
    assert (world.last.event, world.last.job.job_id) == (JobEventName.ADOPTED, "4711")
    assert (world.last.job.claimant, world.last.job.revision) == ("claim-1", 2)


async def test_a_launch_committed_minutes_later_is_found_and_not_made_again(world: World) -> None:
    world.aap.late = [240.0]
    replica = world.replica()
    await Life(world, replica, world.provision()).go_on(300)
    assert world.last.job.state is JobState.SUCCEEDED
    assert len(world.aap.launches) == 1


async def test_a_launch_that_never_appears_is_given_up_and_made_again(world: World, replica: Replica) -> None:
    world.aap.failures["launch"] = [Unanswered("reset", system="AAP")]
    life = Life(world, replica, world.provision())
    await life.go_on(int(LOST_ANSWER_TIMEOUT) - 1)
    assert world.story == ["claimed"]
    await life.go_on(2)
    assert (world.story, world.last.job.reason) == (["claimed", "delayed"], "LaunchLost")
    await Life(world, replica, world.provision()).go_on(10)
    assert len(world.aap.launches) == 1


async def test_a_process_that_was_restarted_waits_for_the_whole_time_again(
    world: World, claim: JobEvent
) -> None:
    await world.replica().recover(claim)
    world.clock.pass_time(LOST_ANSWER_TIMEOUT)
    assert isinstance(await world.replica().recover(claim), Later)
    assert world.story == ["claimed"]


async def test_a_claim_is_not_given_up_while_aap_cannot_be_asked(
    world: World, replica: Replica, claim: JobEvent
) -> None:
    await replica.recover(claim)
    world.clock.pass_time(LOST_ANSWER_TIMEOUT)
    world.aap.failures["created_between"] = [Unreachable("away", system="AAP")]
    with pytest.raises(Unreachable):
        await replica.recover(claim)
    assert world.story == ["claimed"]


async def test_a_search_slower_than_a_read_is_good_for_still_resolves(
    world: World, replica: Replica, claim: JobEvent
) -> None:
    world.aap.run(CREATE, variables(KEY))
    world.aap.slow = lambda call: world.clock.pass_time(60)
    assert await replica.recover(claim) == DONE
    assert world.last.event is JobEventName.ADOPTED


async def test_of_several_jobs_with_one_number_the_oldest_is_kept(
    world: World, replica: Replica, claim: JobEvent
) -> None:
    for _ in range(3):
        world.aap.run(CREATE, variables(KEY))
    await replica.recover(claim)
    assert world.last.job.job_id == "4711"
    assert world.aap.cancels == [4712, 4713]


async def test_a_second_launch_that_was_stopped_is_not_taken_for_the_job(
    world: World, replica: Replica, claim: JobEvent
) -> None:
    first = world.aap.run(CREATE, variables(KEY))
    world.aap.state.cancel(first, world.clock.now(), by="svc")
    world.aap.run(CREATE, variables(KEY))
    await replica.recover(claim)
    assert world.last.job.job_id == "4712"
    assert world.last.job.state is JobState.PENDING


async def test_a_provision_is_never_adopted_as_a_deprovision(world: World, replica: Replica) -> None:
    """The number was given up, claimed again for the removal, and then the provision appeared."""
    job = world.shown(
        type=JobType.DEPROVISION, state=JobState.PENDING, revision=3, claimant="c", template=DELETE
    )
    claim = await world.happen(JobEventName.CLAIMED, job)
    world.aap.run(CREATE, variables(KEY))
    assert isinstance(await replica.recover(claim), Later)
    assert world.story == ["claimed"]
    world.aap.run(DELETE, variables(KEY, deleting=True))
    assert await replica.recover(claim) == DONE
    assert (world.last.job.type, world.last.job.job_id) == (JobType.DEPROVISION, "4712")


async def test_jobs_of_others_are_not_ours(world: World, replica: Replica, claim: JobEvent) -> None:
    for given in ({}, {"cloudkit_job": "lab/vm/uid-2/1"}, {"cloudkit_job": "lab/vm/uid-1/2"}):
        world.aap.run(CREATE, given)
    assert isinstance(await replica.recover(claim), Later)


async def test_a_job_whose_template_is_gone_is_still_found(
    world: World, replica: Replica, claim: JobEvent
) -> None:
    world.aap.run(CREATE, variables(KEY))
    world.aap.remove_template(CREATE)
    assert await replica.recover(claim) == DONE
    assert world.last.event is JobEventName.ADOPTED


async def test_a_job_is_found_whose_template_was_deleted_and_made_again(
    world: World, replica: Replica
) -> None:
    """The new one has another id, and the job says of none."""
    await a_claim_of(world, CREATE)
    world.aap.run(CREATE, variables(KEY))
    world.aap.remove_template(CREATE)
    world.aap.put_template(CREATE)
    assert await replica.recover(world.last) == DONE
    assert (world.last.event, world.last.job.job_id) == (JobEventName.ADOPTED, "4711")


async def test_a_job_is_found_whose_template_was_renamed(world: World, replica: Replica) -> None:
    await a_claim_of(world, CREATE)
    world.aap.run(CREATE, variables(KEY))
    world.aap.change_template(CREATE, name="retired")
    assert await replica.recover(world.last) == DONE
    assert world.last.event is JobEventName.ADOPTED


async def test_a_job_is_found_whose_template_gave_its_name_to_another(world: World, replica: Replica) -> None:
    await a_claim_of(world, CREATE)
    world.aap.run(CREATE, variables(KEY))
    world.aap.change_template(CREATE, name="retired")
    world.aap.put_template(CREATE)
    assert await replica.recover(world.last) == DONE
    assert world.last.event is JobEventName.ADOPTED


async def test_a_claim_is_resolved_although_nobody_may_look_up_templates_any_more(
    world: World, replica: Replica
) -> None:
    await a_claim_of(world, CREATE)
    world.aap.run(CREATE, variables(KEY))
    world.aap.failures["templates"] = [Forbidden("no", system="AAP", status=403)]
    assert await replica.recover(world.last) == DONE
    assert world.last.event is JobEventName.ADOPTED


async def test_a_launch_that_arrives_late_is_found_although_its_template_gave_its_name_away(
    world: World, replica: Replica
) -> None:
    world.aap.late = [20.0]
    await replica.launch(world.provision())
    claim = world.last
    world.aap.change_template(CREATE, name="retired")
    world.aap.put_template(CREATE)
    world.clock.pass_time(20)
    assert await world.replica().recover(claim) == DONE
    assert world.last.event is JobEventName.ADOPTED


async def a_claim_of(world: World, template: str) -> None:
    """One that remembers from which template its job is launched."""
    id = world.aap.only_template(template).id
    job = world.shown(
        state=JobState.PENDING, revision=1, claimant="claim-1", template=template, launched_from=id
    )
    await world.happen(JobEventName.CLAIMED, job)


async def test_claims_of_different_templates_share_their_listings(world: World, replica: Replica) -> None:
    claims = []
    for number in range(50):
        instance, name = replace(VM, name=f"vm-{number}"), (CREATE, DELETE)[number % 2]
        job = world.shown(
            state=JobState.PENDING,
            claimant=f"c-{number}",
            template=name,
            launched_from=world.aap.only_template(name).id,
        )
        claims.append(await world.happen(JobEventName.CLAIMED, job, instance))
    await asyncio.gather(*(replica.recover(claim) for claim in claims))
    assert world.aap.calls.count("created_between") <= 3


async def test_a_workflow_is_adopted_and_not_what_it_runs(world: World, replica: Replica) -> None:
    job = world.shown(state=JobState.PENDING, revision=1, claimant="c", template="flow")
    claim = await world.happen(JobEventName.CLAIMED, job)
    world.aap.put_template("flow", kind=TemplateKind.WORKFLOW_JOB_TEMPLATE, nodes=(CREATE,))
    flow = world.aap.run("flow", variables(KEY))
    world.clock.pass_time(2)
    assert await replica.recover(claim) == DONE
    assert world.last.job.job_id == str(flow.id)
    assert world.aap.cancels == []


async def test_claims_of_eda_are_left_to_eda(world: World, replica: Replica) -> None:
    job = world.shown(state=JobState.PENDING, provider=Provider.EDA, claimant="c")
    claim = await world.happen(JobEventName.CLAIMED, job)
    for _ in range(3):
        assert await replica.recover(claim) == DONE
        world.clock.pass_time(LOST_ANSWER_TIMEOUT)
    assert world.story == ["claimed"]


async def test_many_unconfirmed_launches_share_their_listings(world: World, replica: Replica) -> None:
    claims = []
    for number in range(50):
        instance = replace(VM, name=f"vm-{number}")
        job = world.shown(state=JobState.PENDING, claimant=f"c-{number}", template=CREATE)
        claims.append(await world.happen(JobEventName.CLAIMED, job, instance))
    world.aap.listings.clear()
    looking = asyncio.gather(*(replica.recover(claim) for claim in claims))
    for _ in range(1000):
        await asyncio.sleep(0)
    world.aap.listings.set()
    await looking
    assert world.aap.calls.count("created_between") == 2


async def test_a_listing_that_began_before_the_question_is_no_answer_to_it(
    world: World, replica: Replica, claim: JobEvent
) -> None:
    await replica.recover(claim)
    world.aap.run(CREATE, variables(KEY))
    assert await replica.recover(claim) == DONE, "no time has passed since the first look"


async def test_a_launcher_and_recovery_that_resolve_at_once_leave_one_record(
    world: World, claim: JobEvent
) -> None:
    world.aap.run(CREATE, variables(KEY))
    await asyncio.gather(*(world.replica().recover(claim) for _ in range(4)))
    assert world.story == ["claimed", "adopted"]


async def test_a_second_launch_that_may_not_be_canceled_is_told_and_the_first_adopted(
    world: World, replica: Replica, claim: JobEvent
) -> None:
    world.aap.run(CREATE, variables(KEY))
    world.aap.run(CREATE, variables(KEY))
    world.aap.failures["cancel"] = [Forbidden("no", system="AAP", status=403)]
    with pytest.raises(Forbidden):
        await replica.recover(claim)
    assert world.story == ["claimed", "adopted"]
    assert await replica.recover(claim) == DONE


async def test_what_was_seen_of_a_claim_is_forgotten_when_it_is_resolved_elsewhere(
    world: World, replica: Replica
) -> None:
    seen: Any = replica.recovery._seen
    for number in range(100):
        instance = replace(VM, name=f"vm-{number}")
        job = world.shown(state=JobState.PENDING, claimant=f"c-{number}", template=CREATE)
        await replica.recover(await world.happen(JobEventName.CLAIMED, job, instance))
        world.clock.pass_time(60)
    assert len(seen) < 25
