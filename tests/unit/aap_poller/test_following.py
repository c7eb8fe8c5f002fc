"""What runs is followed to its end, whoever loses sight of it."""

import pytest
from msgspec.structs import replace

from aap_poller.records import Records
from aap_poller.rows import JobKey
from cloudkit.contracts.errors import Forbidden, ProvisionerError, Unanswered, Unreachable
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.intents import Cancel, Confirm, Reconcile
from cloudkit.contracts.jobs import JobKind, JobState, Provider
from cloudkit.runtime.answers import DONE, Later, Never
from sandbox.aap.model import Status, TemplateKind
from unit.aap_poller.aap import CREATE
from unit.aap_poller.world import REBORN, VM, Replica, World, variables


@pytest.fixture
async def launched(world: World, replica: Replica) -> JobEvent:
    await replica.launch(world.provision())
    return world.last


async def test_a_young_job_is_not_asked_for(world: World, replica: Replica, launched: JobEvent) -> None:
    assert await replica.poll(launched, age=10) == [Later(30.0, "the job is young")]
    assert "jobs" not in world.aap.calls


async def test_a_job_that_runs_is_polled_again(world: World, replica: Replica, launched: JobEvent) -> None:
    world.clock.pass_time(2)
    assert await replica.poll(launched) == [Later(28.0, "the job runs")]  # at the half of a minute
    assert world.last.event is JobEventName.RUNNING


async def test_a_job_of_which_aap_says_nothing_new_costs_no_look_into_the_log(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.clock.pass_time(2)
    await replica.poll(launched)
    world.log.unreadable.add(VM)
    assert await replica.poll(launched) == [Later(28.0, "the job goes on")]


async def test_a_job_of_which_aap_says_something_new_is_compared_with_the_log_again(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.clock.pass_time(2)
    await replica.poll(launched)
    world.clock.pass_time(60)
    assert await replica.poll(launched) == [DONE]
    assert world.last.event is JobEventName.SUCCEEDED


async def test_a_job_whose_end_the_sweep_has_seen_is_not_polled_for_ever(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.clock.pass_time(2)
    await replica.poll(launched)
    world.clock.pass_time(60)
    await replica.sweep.once()
    assert world.last.event is JobEventName.SUCCEEDED
    assert await replica.poll(launched) == [DONE]
    assert len(replica.following.agreements) == 0


async def test_a_running_job_that_got_the_id_of_ours_from_a_restored_aap_is_not_taken_for_it(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.clock.pass_time(2)
    await replica.poll(launched)
    world.aap.state.restore(4711)
    world.aap.run(CREATE, variables(JobKey(REBORN, 1)))
    world.clock.pass_time(2)
    assert await replica.poll(launched) == [DONE]
    assert world.last.job.reason == "JobPurged"


async def test_a_job_that_ended_is_recorded_and_not_asked_for_again(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.clock.pass_time(60)
    assert await replica.poll(launched) == [DONE]
    assert world.last.event is JobEventName.SUCCEEDED
    calls = len(world.aap.calls)
    assert await replica.poll(launched) == [DONE]
    assert len(world.aap.calls) == calls


async def test_a_hundred_jobs_are_asked_for_in_one_request(world: World, replica: Replica) -> None:
    events = []
    for number in range(100):
        instance = replace(VM, name=f"vm-{number}", uid=f"uid-{number}")
        await replica.launch(world.provision(instance=instance))
        events.append(world.last)
    world.clock.pass_time(60)
    asked = len(world.aap.calls)
    assert await replica.poll(*events) == [DONE] * 100
    assert [call for call in world.aap.calls[asked:] if call != "failure"] == ["jobs"]


async def test_an_aap_slower_than_a_read_is_good_for_is_still_followed(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.aap.slow = lambda call: world.clock.pass_time(30)
    assert await replica.poll(launched) == [DONE]
    assert world.last.event is JobEventName.SUCCEEDED


async def test_a_purged_job_has_failed_and_is_not_polled_for_ever(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.aap.state.purge(world.aap.only(), world.clock.now(), by="cleanup")
    assert await replica.poll(launched) == [DONE]
    assert (world.last.event, world.last.job.reason) == (JobEventName.FAILED, "JobPurged")


async def test_an_id_that_a_restored_aap_gave_to_another_job_is_not_believed(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.aap.state.restore(4711)
    world.aap.run(CREATE, variables(JobKey(REBORN, 1)))
    world.clock.pass_time(60)
    await replica.poll(launched)
    assert (world.last.job.reason, world.last.instance) == ("JobPurged", VM)


async def test_a_job_canceled_by_a_person_is_canceled(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.aap.state.cancel(world.aap.only(), world.clock.now(), by="admin")
    assert await replica.poll(launched) == [DONE]
    assert (world.last.event, world.last.job.reason) == (JobEventName.CANCELED, "Canceled")
    assert world.last.job.message == "Job canceled"


async def test_a_failed_job_says_which_task_failed_and_why(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.aap.state.force(world.aap.only(), Status.FAILED, world.clock.now())
    await replica.poll(launched)
    told = "AAP job failed: Create virtual machine on localhost: exceeded quota"
    assert world.last.job.message.startswith(told)


async def test_a_failed_job_is_recorded_even_if_nobody_says_why(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.aap.state.force(world.aap.only(), Status.FAILED, world.clock.now())
    world.aap.failures["failure"] = [Forbidden("no", system="AAP", status=403)]
    assert await replica.poll(launched) == [DONE]
    assert world.last.job.message == "AAP job failed: see job 4711 in AAP"


async def test_a_failed_job_is_recorded_even_if_the_answer_why_does_not_come(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.aap.state.force(world.aap.only(), Status.FAILED, world.clock.now())
    world.aap.details.clear()
    hasty = Records(world.log, world.aap, world.clock, details_within=0.01)
    row = await world.aap.job(launched.job.kind, launched.job.job_id)
    await hasty.update(VM, launched.job, await world.log.position(VM), row)
    assert world.last.job.message == "AAP job failed: see job 4711 in AAP"


async def test_a_workflow_job_is_not_taken_for_purged(world: World, replica: Replica) -> None:
    (template,) = (one for one in world.aap.state.catalog if one.name == CREATE)
    world.aap.state.catalog.remove(template.id)
    world.aap.put_template("node")
    world.aap.put_template(CREATE, kind=TemplateKind.WORKFLOW_JOB_TEMPLATE, nodes=("node",))
    await replica.launch(world.provision())
    world.clock.pass_time(60)
    assert await replica.poll(world.last) == [DONE]
    assert (world.last.event, world.last.job.kind) == (JobEventName.SUCCEEDED, JobKind.WORKFLOW_JOB)


@pytest.mark.parametrize(
    "failure",
    [
        Forbidden("no", system="AAP", status=403),
        Unanswered("no", system="AAP"),
        Unreachable("no", system="AAP"),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_one_job_that_may_not_be_read_does_not_keep_others_from_being_polled(
    world: World, replica: Replica, failure: ProvisionerError
) -> None:
    hidden = await world.happen(JobEventName.LAUNCHED, world.shown(1, "9999", claimant="c"))
    other = replace(VM, name="other", uid="uid-9")
    await replica.launch(world.provision(instance=other))
    launched = world.last
    world.clock.pass_time(60)
    world.aap.failures["job"] = [failure]
    answers = await replica.poll(hidden, launched)
    assert answers == [Later(30.0, "no"), DONE]


async def test_jobs_of_eda_are_not_asked_for(world: World, replica: Replica) -> None:
    job = world.shown(1, "eda-webhook-1", provider=Provider.EDA, state=JobState.UNKNOWN)
    event = await world.happen(JobEventName.LAUNCHED, job)
    assert await replica.poll(event) == [DONE]
    assert world.aap.calls == []


async def test_when_aap_is_away_nothing_is_concluded(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.aap.failures["jobs"] = [Unreachable("away", system="AAP")]
    assert await replica.poll(launched) == [Later(30.0, "away")]
    assert world.story == ["claimed", "launched"]


async def test_a_follow_of_what_the_log_follows_too_needs_nothing(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    assert await replica.hear(world.follow(launched.job)) == DONE
    assert world.reconciles == 0


async def test_a_follow_of_what_has_ended_asks_for_the_status(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.clock.pass_time(60)
    await replica.poll(launched)
    assert await replica.hear(world.follow(launched.job)) == DONE
    assert world.reconciles == 1


async def test_a_follow_of_an_older_state_asks_for_the_status(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.clock.pass_time(2)
    await replica.poll(launched)
    await replica.hear(world.follow(launched.job))
    assert world.reconciles == 1


async def test_a_follow_brings_a_job_back_into_a_lost_log(world: World, replica: Replica) -> None:
    await replica.launch(world.provision())
    shown = replace(world.last.job, claimant="", template="")
    world.log.lose()
    assert await replica.hear(world.follow(shown)) == DONE
    assert (world.story, world.last.job.revision) == (["adopted"], shown.revision + 1)


async def test_a_follow_brings_back_a_job_whose_number_a_new_log_has_only_delayed(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    shown = launched.job
    world.log.lose()
    await world.happen(JobEventName.DELAYED, replace(shown, job_id="", claimant=""))
    assert await replica.hear(world.follow(shown)) == DONE
    assert (world.last.event, world.last.job.job_id) == (JobEventName.ADOPTED, shown.job_id)


async def test_a_follow_of_a_job_that_aap_lost_too_ends_it(world: World, replica: Replica) -> None:
    await replica.hear(world.follow(world.shown(1, "4711")))
    assert world.last.job.reason == "JobPurged"


async def test_a_follow_of_a_job_of_the_go_operator_is_taken_over(world: World, replica: Replica) -> None:
    given = variables(JobKey(VM, 0))
    del given["cloudkit_job"]
    job = world.aap.run(CREATE, given)
    shown = world.shown(1, str(job.id), kind=None, revision=0)
    await replica.hear(world.follow(shown))
    assert (world.last.event, world.last.job.number) == (JobEventName.ADOPTED, 1)


def cancel(world: World, job: JobEvent) -> Cancel:
    return Cancel(instance=VM, born=world.clock.now(), number=job.job.number, newest=job.job)


async def test_a_cancel_stops_the_job_and_waits_for_its_end(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    assert isinstance(await replica.hear(cancel(world, launched)), Later)
    assert world.aap.cancels == [4711]
    await replica.sweep.once()
    assert await replica.hear(cancel(world, launched)) == DONE
    assert world.reconciles == 1


async def test_a_cancel_of_a_job_that_a_lost_log_forgot_stops_it_too(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.log.lose()
    assert isinstance(await replica.hear(cancel(world, launched)), Later)
    assert world.aap.cancels == [4711]


async def test_what_is_not_for_aap_is_put_aside(world: World, replica: Replica) -> None:
    assert isinstance(await replica.hear(Reconcile(instance=VM)), Never)


async def test_a_job_of_eda_is_closed_where_eda_runs_no_longer(world: World, replica: Replica) -> None:
    webhook = world.shown(1, "eda-webhook-1", provider=Provider.EDA, state=JobState.UNKNOWN)
    await world.happen(JobEventName.LAUNCHED, webhook)
    confirm = Confirm(
        instance=VM, born=world.clock.now(), number=1, newest=webhook, outcome=JobState.SUCCEEDED
    )
    assert await replica.hear(confirm) == DONE
    assert world.story == ["launched", "succeeded"]
