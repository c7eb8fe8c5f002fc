"""A webhook is sent once for each number, and what may have been received counts as sent."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from cloudkit.contracts.errors import Refused, Unanswered, Unauthorized, Unreachable
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.instance import Launch
from cloudkit.contracts.jobs import JobState, JobType, Provider
from cloudkit.runtime.answers import DONE, Later
from unit.eda_dispatcher.world import GRACE, INTERVAL, PATIENCE, REBORN, VM, Replica, World

PROVISION, DEPROVISION = JobType.PROVISION, JobType.DEPROVISION


async def test_a_webhook_is_claimed_sent_and_written_down(world: World, replica: Replica) -> None:
    assert await replica.hear(world.provision()) == DONE
    assert world.story == ["claimed", "launched"]
    assert world.eda.received == [(PROVISION, "vm")]
    job = world.last
    assert (job.job_id, job.state, job.reason) == ("eda-webhook-1", JobState.UNKNOWN, "WebhookSent")
    assert (job.provider, job.block_deletion_on_failure) == (Provider.EDA, False)


@pytest.mark.parametrize(("shown", "told"), [("", "v1"), ("v0", "v1"), ("v1", "v1-3"), ("v1-1", "v1-3")])
async def test_a_playbook_is_given_a_version_that_no_earlier_one_has_reported(
    world: World, replica: Replica, shown: str, told: str
) -> None:
    """A spec that returns to an older version would be taken for applied while its playbook runs."""
    annotations = {"cloudkit.openshift.io/reconciled-config-version": shown} if shown else {}
    metadata = {"namespace": VM.namespace, "name": VM.name, "uid": VM.uid, "annotations": annotations}
    resource = {"metadata": metadata, "status": {"desiredConfigVersion": "v1"}}
    await replica.hear(world.provision(3, resource=resource))
    assert world.eda.versions == [told]
    assert (world.last.awaits or world.last.config_version) == told
    assert world.last.config_version == "v1"


async def test_an_intent_that_comes_twice_sends_one_webhook(world: World, replica: Replica) -> None:
    await replica.hear(world.provision())
    await replica.hear(world.provision())
    assert len(world.eda.received) == 1
    assert world.reconciles == 1


async def test_two_replicas_send_one_webhook(world: World) -> None:
    one, other = world.replica(), world.replica()

    async def other_hears() -> None:
        assert isinstance(await other.hear(world.provision()), Later)

    world.eda.meanwhile = other_hears
    assert await one.hear(world.provision()) == DONE
    assert len(world.eda.received) == 1


async def test_a_webhook_whose_answer_was_lost_counts_as_sent(world: World, replica: Replica) -> None:
    world.eda.problems.append(Unanswered("no answer", system="EDA"))
    assert await replica.hear(world.provision()) == DONE
    assert world.story == ["claimed", "launched"]
    assert (world.last.state, world.last.reason) == (JobState.UNKNOWN, "WebhookUnanswered")
    await replica.hear(world.provision())
    assert world.story == ["claimed", "launched"], "it is not sent again before its evidence could appear"


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (Unreachable("no connection", system="EDA"), "ProviderUnreachable"),
        (Unauthorized("401", system="EDA", status=401), "Unauthorized"),
        (Refused("404", system="EDA", status=404), "Refused"),
        (Refused("302", system="EDA", status=302, reason="Redirected"), "Redirected"),
    ],
)
async def test_a_webhook_that_was_not_taken_leaves_its_number_free(
    world: World, replica: Replica, problem: Refused | Unreachable, reason: str
) -> None:
    world.eda.problems.append(problem)
    assert isinstance(await replica.hear(world.provision()), Later)
    assert (world.story, world.last.reason) == (["claimed", "delayed"], reason)
    assert not replica.health.ready
    world.clock.pass_time(30)
    assert await replica.hear(world.provision()) == DONE
    assert world.eda.received == [(PROVISION, "vm")]
    assert replica.health.ready


async def test_while_eda_refuses_nobody_else_claims_a_number(world: World, replica: Replica) -> None:
    world.eda.problems.append(Unreachable("no connection", system="EDA"))
    await replica.hear(world.provision())
    other = replace(VM, name="other", uid="uid-9")
    assert isinstance(await replica.hear(world.provision(instance=other)), Later)
    assert world.story == ["claimed", "delayed", "delayed"]


async def test_a_webhook_that_eda_cannot_read_keeps_no_other_waiting(world: World, replica: Replica) -> None:
    world.eda.problems.append(Refused("400", system="EDA", status=400))
    await replica.hear(world.provision())
    other = replace(VM, name="other", uid="uid-9")
    assert await replica.hear(world.provision(instance=other)) == DONE
    assert replica.health.ready


async def test_a_resource_that_no_message_holds_is_told_of_and_not_sent(
    world: World, replica: Replica
) -> None:
    oversize = replace(world.provision(), resource=None, oversize=2_000_000, size_limit=1_048_576)
    assert isinstance(await replica.hear(oversize), Later)
    assert (world.eda.received, world.last.reason) == ([], "PayloadTooLarge")


async def test_a_sender_that_died_after_its_claim_is_taken_to_have_sent(world: World) -> None:
    claim = await world.happen(
        JobEventName.CLAIMED, world.shown(state=JobState.PENDING, job_id="", claimant="gone", revision=1)
    )
    replica = world.replica()
    assert isinstance(await replica.recover(claim, age=1), Later), "its webhook may be under way"
    assert await replica.recover(claim) == DONE
    assert (world.last.job_id, world.last.reason) == ("eda-webhook-1", "WebhookUnanswered")
    assert await replica.recover(claim) == DONE
    assert world.story == ["claimed", "launched"]


async def test_a_sender_that_was_paused_after_its_claim_sends_nothing(world: World, replica: Replica) -> None:
    append = world.log.append

    async def slow(*args: object, **options: object) -> object:
        stands = await append(*args, **options)  # type: ignore[arg-type]  # passed on as they came
        world.clock.pass_time(11)
        return stands

    world.log.append = slow  # type: ignore[method-assign,assignment]  # this log answers late
    assert isinstance(await replica.hear(world.provision()), Later)
    assert (world.story, world.eda.received) == (["claimed"], [])


async def test_a_claim_of_aap_is_none_of_our_business(world: World, replica: Replica) -> None:
    claim = await world.happen(
        JobEventName.CLAIMED, world.shown(provider=Provider.AAP, state=JobState.PENDING, job_id="")
    )
    assert await replica.recover(claim) == DONE
    assert world.story == ["claimed"]


async def test_eda_is_told_of_one_instance_once_in_ten_minutes_also_by_who_was_restarted(
    world: World, replica: Replica
) -> None:
    await replica.hear(world.provision())
    await replica.hear(world.confirm(world.last))
    world.clock.pass_time(60)
    assert isinstance(await world.replica().hear(world.provision(2)), Later)
    assert (world.last.reason, world.last.number) == ("RequestInterval", 2)
    assert "00:10:00" in world.last.message, "it says when"
    world.clock.pass_time(INTERVAL - 60)
    assert await world.replica().hear(world.provision(2)) == DONE
    assert len(world.eda.received) == 2


async def test_the_other_webhook_has_an_interval_of_its_own(world: World, replica: Replica) -> None:
    await replica.hear(world.provision())
    await replica.hear(world.confirm(world.last))
    assert await replica.hear(world.deprovision()) == DONE
    assert world.eda.received == [(PROVISION, "vm"), (DEPROVISION, "vm")]


async def test_of_a_lost_log_the_resource_tells_when_eda_was_last_told(
    world: World, replica: Replica
) -> None:
    shown = world.shown(1)
    world.clock.pass_time(60)
    world.log.lose()
    world.clock.pass_time(300)
    await replica.hear(world.follow(shown))
    await replica.hear(world.confirm(shown, JobState.FAILED))
    assert isinstance(await replica.hear(world.provision(2, newest=shown)), Later)
    assert (world.eda.received, world.last.reason) == ([], "RequestInterval")


async def test_what_no_playbook_holds_is_cleaned_up_without_a_webhook(world: World, replica: Replica) -> None:
    assert await replica.hear(world.deprovision(1, nothing_to_remove=True)) == DONE
    assert (world.story, world.eda.received) == (["succeeded"], [])
    assert (world.last.type, world.last.job_id) == (DEPROVISION, "eda-webhook-1")
    await replica.hear(world.provision(2))
    assert world.eda.received == [], "nothing is provisioned once its cleanup is done"


async def test_an_intent_that_has_waited_for_too_long_is_given_back(world: World, replica: Replica) -> None:
    assert await replica.hear(world.provision(), age=301) == DONE
    assert (world.story, world.reconciles) == ([], 1)


async def test_what_was_asked_for_before_the_log_was_lost_is_given_back(
    world: World, replica: Replica
) -> None:
    world.log.lose()
    world.clock.pass_time(400)
    assert await replica.hear(world.provision(), age=100) == DONE
    world.log.lose()
    world.clock.pass_time(10)
    assert await replica.hear(world.provision(2), age=100) == DONE
    assert (len(world.eda.received), world.reconciles) == (1, 1)


@pytest.mark.parametrize(
    "sign",
    ["it is older than the log", "it shows a job", "it shows a launch that nobody could confirm"],
)
async def test_in_a_new_log_nobody_claims_for_an_instance_that_may_have_jobs(
    world: World, replica: Replica, sign: str
) -> None:
    world.log.lose()
    young = world.clock.now() + timedelta(minutes=1)
    intent = {
        "it is older than the log": world.provision(),
        "it shows a job": world.provision(2, born=young, newest=world.shown(state=JobState.FAILED)),
        "it shows a launch that nobody could confirm": world.provision(
            born=young, launch=Launch(number=1, revision=1, reason="LaunchUnconfirmed")
        ),
    }[sign]
    assert isinstance(await replica.hear(intent), Later)
    assert (world.eda.received, world.last.reason) == ([], "JobLogNew")


async def test_a_delay_does_not_make_a_new_log_forget_that_it_has_seen_a_claim(
    world: World, replica: Replica
) -> None:
    world.log.lose()
    await replica.hear(world.provision(born=world.clock.now() + timedelta(seconds=5)))
    done = replace(world.last, state=JobState.SUCCEEDED, revision=3, finished_at=world.clock.now())
    await world.happen(JobEventName.SUCCEEDED, done)
    for _ in range(2):
        world.clock.pass_time(1)
        await replica.hear(world.provision(2, newest=done))
    assert (world.last.reason, world.story[-1]) == ("RequestInterval", "delayed")


async def test_a_new_installation_need_not_wait(world: World, replica: Replica) -> None:
    world.log.lose()
    assert await replica.hear(world.provision(born=world.clock.now())) == DONE


async def test_an_earlier_life_of_the_name_is_waited_for_as_long_as_its_playbook_may_run(
    world: World, replica: Replica
) -> None:
    await world.happen(JobEventName.LAUNCHED, world.shown())
    assert isinstance(await replica.hear(world.provision(instance=REBORN)), Later)
    world.clock.pass_time(PATIENCE)
    assert await replica.hear(world.provision(instance=REBORN)) == DONE


async def test_a_canceled_job_of_aap_gets_its_grace_before_a_webhook_is_sent(
    world: World, replica: Replica
) -> None:
    canceled = world.shown(1, provider=Provider.AAP, job_id="4711", state=JobState.CANCELED)
    await world.happen(JobEventName.CANCELED, canceled)
    assert await replica.hear(world.deprovision()) == Later(
        GRACE, "the canceled playbook may still be stopping"
    )
    world.clock.pass_time(GRACE)
    assert await replica.hear(world.deprovision()) == DONE


async def test_a_running_job_of_aap_is_waited_for(world: World, replica: Replica) -> None:
    running = world.shown(1, provider=Provider.AAP, job_id="4711", state=JobState.RUNNING)
    await world.happen(JobEventName.RUNNING, running)
    assert isinstance(await replica.hear(world.deprovision()), Later)
    assert world.eda.received == []
