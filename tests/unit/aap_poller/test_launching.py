"""Provision and Deprovision: one job each, whatever happens."""

import asyncio

import msgspec
import pytest

from aap_poller.claiming import DELAYED_AGAIN_AFTER
from aap_poller.launching import OBSTACLE_AGAIN_AFTER
from cloudkit.contracts.errors import Forbidden, Refused, Unanswered, Unauthorized, Unreachable
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.jobs import JobState, JobType, Provider
from cloudkit.runtime.answers import DONE, Later
from sandbox.aap.model import Status, TemplateKind
from unit.aap_poller.aap import CREATE, DELETE
from unit.aap_poller.world import REBORN, VM, Life, Replica, World, resource


async def test_a_launch_is_claimed_and_then_recorded(world: World, replica: Replica) -> None:
    assert await replica.launch(world.provision(attempt=2, retry_requested_at="now")) == DONE
    claimed, launched = world.log.events
    assert (claimed.event, launched.event) == (JobEventName.CLAIMED, JobEventName.LAUNCHED)
    assert claimed.job.claimant == launched.job.claimant != ""
    assert (launched.job.number, launched.job.revision, launched.job.attempt) == (1, 2, 2)
    assert launched.job.job_id == str(world.aap.only().id)
    assert launched.job.template == CREATE


async def test_the_playbook_gets_the_whole_resource_and_the_key_of_its_job(
    world: World, replica: Replica
) -> None:
    await replica.launch(world.provision())
    given = msgspec.json.decode(world.aap.only().order.extra_vars)
    assert given["cloudkit_job"] == "lab/vm/uid-1/1"
    assert given["ansible_eda"]["event"]["payload"] == resource(VM)


async def test_an_intent_that_comes_twice_launches_once(world: World, replica: Replica) -> None:
    await replica.launch(world.provision())
    assert await replica.launch(world.provision()) == DONE
    assert len(world.aap.launches) == 1
    assert world.reconciles == 1


async def test_two_replicas_race_for_one_intent_and_one_job_runs(world: World) -> None:
    replicas = [world.replica() for _ in range(5)]
    answers = await asyncio.gather(*(replica.launch(world.provision()) for replica in replicas))
    assert len(world.aap.launches) == 1
    assert world.story == ["claimed", "launched"]
    assert all(answer == DONE or isinstance(answer, Later) for answer in answers)


async def test_a_claim_that_grew_old_while_the_process_was_paused_is_not_launched_on(
    world: World, replica: Replica
) -> None:
    world.log.after = lambda: world.clock.pass_time(11)
    assert isinstance(await replica.launch(world.provision()), Later)
    assert world.story == ["claimed"]
    assert world.aap.launches == []


async def test_an_answer_slower_than_a_read_is_good_for_is_still_recorded(
    world: World, replica: Replica
) -> None:
    world.aap.slow = lambda call: world.clock.pass_time(25) if call == "launch" else None
    assert await replica.launch(world.provision()) == DONE
    assert world.story == ["claimed", "launched"]


async def test_a_refusal_slower_than_a_read_is_good_for_still_delays(world: World, replica: Replica) -> None:
    world.aap.failures["launch"] = [Forbidden("no", system="AAP", status=403)]
    world.aap.slow = lambda call: world.clock.pass_time(25) if call == "launch" else None
    await replica.launch(world.provision())
    assert world.story == ["claimed", "delayed"]


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (Unreachable("connection refused", system="AAP"), "ProviderUnreachable"),
        (Unauthorized("who?", system="AAP", status=401), "Unauthorized"),
        (Forbidden("no", system="AAP", status=403), "Forbidden"),
        (Refused("bad", system="AAP", status=400), "Refused"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_launch_that_was_not_accepted_is_delayed_and_says_why(
    world: World, replica: Replica, problem: Refused | Unreachable, reason: str
) -> None:
    world.aap.failures["launch"] = [problem]
    answer = await replica.launch(world.provision())
    assert answer == Later(DELAYED_AGAIN_AFTER, world.last.job.message)
    assert (world.last.event, world.last.job.reason) == (JobEventName.DELAYED, reason)
    assert world.last.job.message.startswith(problem.message)


async def test_a_delayed_launch_is_made_again_under_the_same_number(world: World, replica: Replica) -> None:
    world.aap.failures["launch"] = [Forbidden("no", system="AAP", status=403)]
    await replica.launch(world.provision())
    assert await replica.launch(world.provision()) == DONE
    assert world.story == ["claimed", "delayed", "claimed", "launched"]
    assert [event.job.revision for event in world.log.events] == [1, 2, 3, 4]


async def test_a_long_outage_is_told_once_and_claims_nothing(world: World, replica: Replica) -> None:
    world.aap.failures["changed_since"] = [Unreachable("connection refused", system="AAP") for _ in range(3)]
    for _ in range(3):
        with pytest.raises(Unreachable):
            await replica.sweep.once()
    for _ in range(50):
        answer = await replica.launch(world.provision())
    assert answer == Later(OBSTACLE_AGAIN_AFTER, "connection refused")
    assert world.story == ["delayed"]
    await replica.sweep.once()
    assert await replica.launch(world.provision()) == DONE


async def test_one_failed_sweep_holds_launches_back_until_the_next_and_tells_nobody(
    world: World, replica: Replica
) -> None:
    world.aap.failures["changed_since"] = [Unanswered("502", system="AAP")]
    with pytest.raises(Unanswered):
        await replica.sweep.once()
    assert isinstance(await replica.launch(world.provision()), Later)
    assert world.story == []
    await replica.sweep.once()
    assert await replica.launch(world.provision()) == DONE


async def test_a_pause_that_aap_asks_for_is_waited_for_before_the_next_claim(
    world: World, replica: Replica
) -> None:
    world.aap.failures["launch"] = [Unreachable("429", system="AAP", retry_after=60)]
    assert await replica.launch(world.provision()) == Later(60, "429")
    assert await replica.launch(world.provision()) == Later(60, "429")
    assert world.story == ["claimed", "delayed"]
    world.clock.pass_time(60)
    assert await replica.launch(world.provision()) == DONE


async def test_an_outage_that_begins_while_a_launch_waits_for_its_turn_lets_it_claim_nothing(
    world: World,
) -> None:
    replica = world.replica(concurrent_launches=1)
    async with replica.launching.slots.turn(JobType.PROVISION):
        waiting = asyncio.create_task(replica.launch(world.provision()))
        for _ in range(20):
            await asyncio.sleep(0)
        replica.presence.away(Unauthorized("who?", system="AAP", status=401))
    assert await waiting == Later(OBSTACLE_AGAIN_AFTER, "who?")
    assert (world.story, world.last.job.reason) == (["delayed"], "Unauthorized")


async def test_a_launch_that_finds_aap_away_keeps_the_others_from_trying(
    world: World, replica: Replica
) -> None:
    world.aap.failures["launch"] = [Unreachable("connection refused", system="AAP")]
    await replica.launch(world.provision())
    for _ in range(5):
        await replica.launch(world.provision())
    assert world.aap.calls.count("launch") == 1


async def test_a_delay_for_another_reason_is_told_too(world: World, replica: Replica) -> None:
    world.aap.failures["launch"] = [
        Forbidden("no", system="AAP", status=403),
        Refused("bad", system="AAP", status=400),
    ]
    await replica.launch(world.provision())
    await replica.launch(world.provision())
    assert [e.job.reason for e in world.log.events if e.event is JobEventName.DELAYED] == [
        "Forbidden",
        "Refused",
    ]


async def test_a_template_that_does_not_exist_is_told_and_heals_by_itself(
    world: World, replica: Replica
) -> None:
    (template,) = (one for one in world.aap.state.catalog if one.name == CREATE)
    world.aap.state.catalog.remove(template.id)
    await replica.launch(world.provision())
    assert (world.story, world.last.job.reason) == (["delayed"], "TemplateNotFound")
    world.aap.put_template(CREATE)
    world.clock.pass_time(DELAYED_AGAIN_AFTER)
    assert await replica.launch(world.provision()) == DONE


async def test_a_provision_does_not_wait_for_the_template_of_the_deprovision(
    world: World, replica: Replica
) -> None:
    (template,) = (one for one in world.aap.state.catalog if one.name == DELETE)
    world.aap.state.catalog.remove(template.id)
    await replica.sweep.once()
    assert await replica.launch(world.provision()) == DONE
    assert "not found" in replica.health.parts()["aap templates"]


async def test_a_template_deleted_after_it_was_looked_up_is_looked_up_again(
    world: World, replica: Replica
) -> None:
    await replica.templates.find(JobType.PROVISION)
    (template,) = (one for one in world.aap.state.catalog if one.name == CREATE)
    world.aap.state.catalog.remove(template.id)
    world.aap.put_template(CREATE)
    await replica.launch(world.provision())
    assert world.last.job.reason == "TemplateNotFound"
    assert await replica.launch(world.provision()) == DONE


async def test_a_workflow_template_is_launched_as_well(world: World, replica: Replica) -> None:
    (job_template,) = (one for one in world.aap.state.catalog if one.name == CREATE)
    world.aap.state.catalog.remove(job_template.id)
    world.aap.put_template("node")
    world.aap.put_template(CREATE, kind=TemplateKind.WORKFLOW_JOB_TEMPLATE, nodes=("node",))
    await Life(world, replica, world.provision()).go_on(30)
    assert world.last.event is JobEventName.SUCCEEDED
    assert world.last.job.kind == "workflow_job"


async def test_the_slices_of_a_sliced_job_are_no_second_launches(world: World, replica: Replica) -> None:
    world.aap.change_template(CREATE, job_slice_count=3)
    await Life(world, replica, world.provision()).go_on(30)
    assert world.last.event is JobEventName.SUCCEEDED
    assert world.aap.cancels == []


async def test_an_intent_for_a_number_that_is_past_is_given_back(world: World, replica: Replica) -> None:
    await Life(world, replica, world.provision()).go_on(20)
    assert await replica.launch(world.provision(1)) == DONE
    assert world.reconciles == 1
    assert len(world.aap.launches) == 1


async def test_an_intent_older_than_five_minutes_is_not_acted_on(world: World, replica: Replica) -> None:
    assert await replica.hear(world.provision(), age=301) == DONE
    assert world.log.events == ()
    assert world.reconciles == 1


async def test_an_intent_that_grew_too_old_while_the_process_was_paused_is_given_back(
    world: World, replica: Replica
) -> None:
    def pause(_: str) -> None:
        world.clock.pass_time(400)
        world.aap.slow = lambda _: None

    world.aap.slow = pause
    assert await replica.hear(world.provision(), age=10) == DONE
    assert world.aap.launches == []
    assert world.story == []
    assert world.reconciles == 1


async def test_a_name_that_was_created_again_waits_for_the_jobs_of_the_former_one(
    world: World, replica: Replica
) -> None:
    await replica.launch(world.provision())
    assert isinstance(await replica.launch(world.provision(instance=REBORN)), Later)
    life = Life(world, replica)
    await life.go_on(20)
    assert await replica.launch(world.provision(instance=REBORN)) == DONE
    assert world.aap.violations == []


async def test_the_grace_after_a_canceled_job_passes_before_the_next_claim(
    world: World, replica: Replica
) -> None:
    await replica.launch(world.provision())
    world.aap.state.cancel(world.aap.only(), world.clock.now(), by="a person")
    await replica.sweep.once()
    assert world.last.job.state is JobState.CANCELED
    assert await replica.launch(world.deprovision()) == Later(
        5.0, "the canceled playbook may still be stopping"
    )
    world.clock.pass_time(5)
    assert await replica.launch(world.deprovision()) == DONE


async def test_a_launch_waits_for_its_place_at_the_limiter_before_its_number_is_claimed(world: World) -> None:
    replica = world.replica(requests_per_second=0.05)
    await replica.limiter.turn()
    waiting = asyncio.create_task(replica.launch(world.provision()))
    await world.clock.advance(19)
    assert world.story == []
    await world.clock.advance(1)
    assert await waiting == DONE
    assert world.story == ["claimed", "launched"]


async def test_what_happened_while_a_launch_waited_for_its_place_is_seen_before_it_claims(
    world: World,
) -> None:
    replica = world.replica(requests_per_second=0.05)
    await replica.limiter.turn()
    waiting = asyncio.create_task(replica.launch(world.provision()))
    await world.clock.advance(10)
    await world.replica().launch(world.provision())
    await world.clock.advance(10)
    assert isinstance(await waiting, Later)
    assert len(world.aap.launches) == 1


async def test_a_removal_does_not_wait_for_the_provisions_before_it(world: World) -> None:
    replica = world.replica(concurrent_launches=1)
    removal = world.deprovision(instance=msgspec.structs.replace(VM, name="c"))
    async with replica.launching.slots.turn(JobType.PROVISION):
        waiting = [
            asyncio.create_task(
                replica.launch(world.provision(instance=msgspec.structs.replace(VM, name=name)))
            )
            for name in ("a", "b")
        ]
        for _ in range(20):
            await asyncio.sleep(0)
        waiting.append(asyncio.create_task(replica.launch(removal)))
        for _ in range(20):
            await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert [event.instance.name for event in world.log.events][::2] == ["c", "a", "b"]


async def test_many_launches_leave_room_for_what_must_not_wait(world: World) -> None:
    replica = world.replica(concurrent_launches=1)
    world.aap.listings.clear()
    waiting = [
        asyncio.create_task(replica.launch(world.provision(instance=msgspec.structs.replace(VM, name=name))))
        for name in ("a", "b", "c", "d")
    ]
    for _ in range(20):
        await asyncio.sleep(0)
    answer = await replica.launch(world.provision())
    assert answer == Later(2.0, "many launches are under way")
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert not replica.launching.slots.crowded(JobType.PROVISION)


async def test_a_lost_answer_is_looked_for_at_once(world: World, replica: Replica) -> None:
    world.aap.lost_answers = [Unanswered("reset", system="AAP")]
    assert isinstance(await replica.launch(world.provision()), Later)
    assert world.story == ["claimed", "adopted"]
    assert len(world.aap.launches) == 1


async def test_what_eda_runs_is_waited_for(world: World, replica: Replica) -> None:
    job = world.shown(1, "eda-webhook-1", provider=Provider.EDA, state=JobState.UNKNOWN)
    await world.happen(JobEventName.LAUNCHED, job)
    assert isinstance(await replica.launch(world.deprovision()), Later)
    assert world.aap.calls == []


async def test_a_job_that_was_resolved_otherwise_meanwhile_is_canceled(
    world: World, replica: Replica
) -> None:
    async def overtaken() -> None:
        await world.happen(JobEventName.ADOPTED, msgspec.structs.replace(world.last.job, job_id="999"))

    world.aap.meanwhile = overtaken
    assert await replica.launch(world.provision()) == DONE
    assert world.aap.cancels == [4711]


async def test_a_job_whose_launch_was_given_up_too_early_is_adopted(world: World, replica: Replica) -> None:
    async def overtaken() -> None:
        given_up = msgspec.structs.replace(world.last.job, reason="LaunchLost", revision=2)
        await world.happen(JobEventName.DELAYED, given_up)

    world.aap.meanwhile = overtaken
    assert await replica.launch(world.provision()) == DONE
    assert world.last.event is JobEventName.ADOPTED
    assert (world.last.job.reason, world.last.job.revision) == ("", 3)
    assert world.aap.cancels == []


async def test_a_job_launched_while_the_log_was_lost_is_left_to_the_search(
    world: World, replica: Replica
) -> None:
    async def lost() -> None:
        world.log.lose()

    world.aap.meanwhile = lost
    assert await replica.launch(world.provision()) == DONE
    assert world.log.events == ()
    assert world.aap.cancels == []
    assert world.aap.only().status is Status.PENDING


async def test_a_job_launched_while_the_log_was_lost_is_not_canceled_for_an_older_one(
    world: World, replica: Replica
) -> None:
    await Life(world, replica, world.provision()).go_on(20)
    first = world.last.job

    async def lost() -> None:
        world.log.lose()
        await world.happen(JobEventName.ADOPTED, first)

    world.aap.meanwhile = lost
    assert await replica.launch(world.provision(2)) == DONE
    assert world.aap.cancels == []
