"""One request a second tells of every job that was created or has ended, and of second launches."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from aap_poller.rows import JobKey
from cloudkit.contracts.errors import Forbidden, Unauthorized, Unreachable
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.jobs import JobState, JobType, Provider
from sandbox.aap.model import Status
from unit.aap_poller.aap import CREATE, DELETE
from unit.aap_poller.world import VM, Replica, World, variables

KEY = JobKey(VM, 1)


@pytest.fixture
async def launched(world: World, replica: Replica) -> JobEvent:
    await replica.launch(world.provision())
    await replica.sweep.once()
    return world.last


async def test_the_end_of_a_job_is_seen_in_the_next_sweep(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.clock.pass_time(60)
    await replica.sweep.once()
    assert world.last.event is JobEventName.SUCCEEDED


async def test_a_sweep_costs_the_same_however_many_jobs_run(world: World, replica: Replica) -> None:
    for number in range(50):
        instance = replace(VM, name=f"vm-{number}-stuck", uid=f"uid-{number}")
        await replica.launch(world.provision(instance=instance))
    for _ in range(3):
        await replica.sweep.once()
        world.clock.pass_time(20)
    asked = len(world.aap.calls)
    await replica.sweep.once()
    assert world.aap.calls[asked:] == ["changed_since"]


async def test_a_row_is_dealt_with_once_per_status(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    for _ in range(5):
        await replica.sweep.once()
    events = len(world.log.events)
    world.clock.pass_time(60)
    for _ in range(5):
        await replica.sweep.once()
    assert len(world.log.events) == events + 1


async def test_what_a_sweep_remembers_does_not_grow(world: World, replica: Replica) -> None:
    for _ in range(200):
        world.aap.run(CREATE, {})
        await replica.sweep.once()
        world.clock.pass_time(5)
    assert len(replica.sweep._handled) < 10


async def test_a_second_launch_is_canceled_while_it_runs(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    second = world.aap.run(CREATE, variables(KEY))
    await replica.sweep.once()
    assert world.aap.cancels == [second.id]
    assert world.last.job.job_id == launched.job.job_id


async def test_a_second_launch_that_ended_by_itself_meanwhile_is_done(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    second = world.aap.run(CREATE, variables(KEY))

    def end(call: str) -> None:
        if call == "cancel":
            world.aap.state.force(second, Status.SUCCESSFUL, world.clock.now())

    world.aap.slow = end
    await replica.sweep.once()
    assert "cancel" in world.aap.calls


async def test_a_second_launch_that_may_not_be_canceled_does_not_stop_the_sweep(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.aap.run(CREATE, variables(KEY))
    world.aap.failures["cancel"] = [Forbidden("no", system="AAP", status=403)]
    await replica.sweep.once()
    assert replica.health.parts()["aap"] == "ok"


async def test_an_older_job_whose_number_a_lost_log_forgot_is_left_alone(
    world: World, replica: Replica
) -> None:
    await world.happen(JobEventName.ADOPTED, world.shown(2, "5000"))
    world.aap.run(CREATE, variables(KEY))
    await replica.sweep.once()
    assert world.aap.cancels == []


async def test_a_job_of_a_lost_log_is_left_to_the_search(world: World, replica: Replica) -> None:
    await replica.launch(world.provision())
    world.log.lose()
    await replica.sweep.once()
    assert (world.story, world.aap.cancels) == ([], [])


async def test_a_launch_under_way_is_left_alone(world: World, replica: Replica) -> None:
    await world.happen(JobEventName.CLAIMED, world.shown(state=JobState.PENDING, claimant="c"))
    world.aap.run(CREATE, variables(KEY))
    await replica.sweep.once()
    assert world.story == ["claimed"]


async def test_a_launch_given_up_too_early_is_adopted(world: World, replica: Replica) -> None:
    job = world.shown(state=JobState.PENDING, claimant="c", reason="LaunchLost", attempt=4)
    await world.happen(JobEventName.DELAYED, job)
    world.aap.run(CREATE, variables(KEY))
    await replica.sweep.once()
    adopted = world.last.job
    assert (adopted.job_id, adopted.reason, adopted.claimant) == ("4711", "", "c")
    assert (adopted.revision, adopted.attempt) == (job.revision + 1, 4)


async def test_a_late_provision_is_not_adopted_as_the_deprovision_that_its_number_was_claimed_for(
    world: World, replica: Replica
) -> None:
    job = world.shown(type=JobType.DEPROVISION, state=JobState.PENDING, claimant="c", reason="LaunchLost")
    await world.happen(JobEventName.DELAYED, job)
    world.aap.run(CREATE, variables(KEY, version="v7"))
    await replica.sweep.once()
    adopted = world.last.job
    assert (adopted.type, adopted.config_version) == (JobType.PROVISION, "v7")
    assert (adopted.number, adopted.revision) == (1, job.revision + 1)


async def test_a_late_job_is_not_adopted_as_one_of_eda(world: World, replica: Replica) -> None:
    job = world.shown(provider=Provider.EDA, state=JobState.PENDING, claimant="c", reason="x")
    await world.happen(JobEventName.DELAYED, job)
    world.aap.run(CREATE, variables(KEY))
    await replica.sweep.once()
    assert world.last.job.provider is Provider.AAP


async def test_a_number_that_was_claimed_again_meanwhile_is_not_adopted(
    world: World, replica: Replica
) -> None:
    job = world.shown(state=JobState.PENDING, claimant="c", reason="LaunchLost")
    await world.happen(JobEventName.DELAYED, job)
    world.aap.run(CREATE, variables(KEY))

    async def overtaken() -> None:
        await world.happen(JobEventName.CLAIMED, replace(job, claimant="d"))

    world.log.before = overtaken
    await replica.sweep.once()
    await replica.sweep.once()
    assert world.story == ["delayed", "claimed"]


@pytest.mark.parametrize(
    "given",
    [
        {"cloudkit_job": "lab/>/uid-1/1"},
        {"cloudkit_job": "///1"},
        {"cloudkit_job": f"lab/vm/uid-1/{'9' * 5000}"},
        {"cloudkit_job": ["lab"]},
        {"ansible_eda": 5},
        {},
    ],
    ids=["a wildcard", "empty names", "a huge number", "a list", "a number", "nothing"],
)
async def test_what_others_write_into_their_variables_harms_nobody(
    world: World, replica: Replica, launched: JobEvent, given: dict[str, object]
) -> None:
    world.aap.run(CREATE, given)
    await replica.sweep.once()
    assert world.aap.cancels == []


async def test_one_instance_whose_log_cannot_be_read_does_not_stop_the_sweep(
    world: World, replica: Replica
) -> None:
    other = replace(VM, name="other", uid="uid-9")
    await replica.launch(world.provision())
    await replica.launch(world.provision(instance=other))
    world.log.unreadable = {VM}
    world.clock.pass_time(60)
    await replica.sweep.once()
    await replica.sweep.once()
    assert (world.last.event, world.last.instance) == (JobEventName.SUCCEEDED, other)


async def test_after_a_restore_with_earlier_times_the_sweep_starts_over(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    world.clock.pass_time(60)
    await replica.sweep.once()
    await replica.sweep.once()
    world.aap.state.restore(4711)
    world.aap.state.now -= timedelta(hours=2)
    world.aap.state.clock = BehindClock(world)  # type: ignore[assignment]  # it tells the time, no more
    await replica.sweep.once()
    other = replace(VM, name="other", uid="uid-9")
    await replica.launch(world.provision(instance=other))
    world.clock.pass_time(60)
    for _ in range(3):
        await replica.sweep.once()
    assert (world.last.event, world.last.instance) == (JobEventName.SUCCEEDED, other)


class BehindClock:
    """AAP's clock, two hours behind ours."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> object:
        return self._world.clock.now() - timedelta(hours=2)


async def test_a_job_stamped_by_a_clock_far_ahead_does_not_blind_the_sweep(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    ahead = world.aap.run(CREATE, {})
    ahead.created += timedelta(hours=3)
    await replica.sweep.once()
    world.clock.pass_time(60)
    await replica.sweep.once()
    assert world.last.event is JobEventName.SUCCEEDED


async def test_an_aap_without_jobs_is_swept_too(replica: Replica) -> None:
    for _ in range(3):
        await replica.sweep.once()
    assert replica.health.parts()["aap"] == "ok"


async def test_a_process_is_not_ready_before_aap_has_answered(world: World, replica: Replica) -> None:
    assert not replica.health.ready
    world.aap.failures["templates"] = [Unauthorized("who?", system="AAP", status=401)]
    with pytest.raises(Unauthorized):
        await replica.sweep.once()
    assert replica.health.parts()["aap"] == "who?"
    await replica.sweep.once()
    assert replica.health.ready


async def test_the_templates_that_cannot_be_launched_show_in_the_health(
    world: World, replica: Replica
) -> None:
    world.aap.change_template(DELETE, ask_variables_on_launch=False)
    await replica.sweep.once()
    assert "ignores our variables" in replica.health.parts()["aap templates"]
    assert replica.health.parts()["aap"] == "ok"
    world.aap.change_template(DELETE, ask_variables_on_launch=True)
    world.clock.pass_time(10)
    await replica.sweep.once()
    assert replica.health.ready


async def test_an_absent_aap_is_asked_less_often_and_comes_back_by_itself(
    world: World, replica: Replica
) -> None:
    world.aap.failures["templates"] = [Unreachable("away", system="AAP") for _ in range(8)]
    stopping = asyncio.Event()
    sweeping = asyncio.create_task(replica.sweep.run(stopping))
    await world.clock.advance(60)
    assert world.aap.calls.count("templates") == 5 + 1, "at 0, 2, 6, 14, 30 and 60 s"
    assert not replica.health.ready
    await world.clock.advance(120)
    assert replica.health.ready
    stopping.set()
    await sweeping


async def test_a_sweep_asks_while_nobody_else_may(world: World, replica: Replica) -> None:
    replica.presence.away(Unauthorized("who?", system="AAP", status=401))
    world.aap.slow = lambda _: replica.presence.admit()
    await replica.sweep.once()
    assert replica.presence.trouble is None


async def test_a_sweep_waits_for_as_long_as_aap_asks(world: World, replica: Replica) -> None:
    world.aap.failures["templates"] = [Unreachable("429", system="AAP", retry_after=45)]
    stopping = asyncio.Event()
    sweeping = asyncio.create_task(replica.sweep.run(stopping))
    await world.clock.advance(44)
    assert world.aap.calls.count("templates") == 1
    await world.clock.advance(1)
    assert replica.health.ready
    stopping.set()
    await sweeping


async def test_news_of_nats_do_not_tell_of_aap(world: World, replica: Replica, launched: JobEvent) -> None:
    world.clock.pass_time(60)
    world.log.failures = [Unreachable("NATS is away", system="NATS")]
    with pytest.raises(Unreachable):
        await replica.sweep.once()
    assert replica.health.parts()["aap"] == "ok"
    assert replica.presence.trouble is None


async def test_of_an_aap_that_was_restored_the_first_sweep_misses_no_end_behind_the_newest_job(
    world: World, replica: Replica
) -> None:
    await replica.sweep.once()  # It has nothing to show.
    await replica.launch(world.provision())
    world.clock.pass_time(60)
    other = replace(VM, name="other-stuck", uid="uid-9")
    await replica.launch(world.provision(instance=other))
    await replica.sweep.once()
    assert (JobEventName.SUCCEEDED, VM) in [(event.event, event.instance) for event in world.log.events]
