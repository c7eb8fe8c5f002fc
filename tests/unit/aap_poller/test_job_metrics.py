"""What is counted of jobs, so that a graph tells how an installation is doing."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from aap_poller.aap_time import AapTime
from aap_poller.rows import JobKey
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.runtime.answers import Later
from sandbox.aap.model import Status
from unit.aap_poller.aap import CREATE
from unit.aap_poller.world import VM, Replica, World, variables


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"cloudkit_{name}", labels) or 0.0


@pytest.fixture
async def launched(world: World, replica: Replica) -> JobEvent:
    await replica.launch(world.provision())
    return world.last


async def test_a_launch_is_timed_from_when_it_was_asked_for(world: World, replica: Replica) -> None:
    count, total = "launch_seconds_count", "launch_seconds_sum"
    before = value(count, type="provision"), value(total, type="provision")
    await replica.hear(world.provision(), age=7.0)
    assert value(count, type="provision") == before[0] + 1
    assert value(total, type="provision") == pytest.approx(before[1] + 7.0, abs=0.5)


async def test_what_was_not_launched_is_not_timed(world: World, replica: Replica) -> None:
    world.aap.change_template(CREATE, ask_variables_on_launch=False)
    before = value("launch_seconds_count", type="provision")
    await replica.launch(world.provision())
    assert value("launch_seconds_count", type="provision") == before


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (Status.SUCCESSFUL, "succeeded"),
        (Status.FAILED, "failed"),
        (Status.ERROR, "failed"),
        (Status.CANCELED, "canceled"),
    ],
)
async def test_a_job_that_ended_is_counted_once_however_often_that_is_seen(
    world: World, replica: Replica, launched: JobEvent, status: Status, outcome: str
) -> None:
    before = value("jobs_total", type="provision", outcome=outcome)
    world.clock.pass_time(2)
    world.aap.state.force(world.aap.only(), status, world.clock.now())
    for other in (replica, world.replica()):
        await other.sweep.once()
        await other.poll(launched)
    assert value("jobs_total", type="provision", outcome=outcome) == before + 1


async def test_a_purged_job_is_counted_as_such(world: World, replica: Replica, launched: JobEvent) -> None:
    before = value("jobs_total", type="provision", outcome="purged")
    world.aap.state.purge(world.aap.only(), world.clock.now(), by="cleanup")
    await replica.poll(launched)
    assert value("jobs_total", type="provision", outcome="purged") == before + 1


async def test_a_job_that_was_adopted_after_its_end_is_counted(world: World, replica: Replica) -> None:
    before = value("jobs_total", type="provision", outcome="succeeded")
    await world.happen(JobEventName.DELAYED, world.shown(claimant="c", reason="LaunchLost"))
    world.aap.run(CREATE, variables(JobKey(VM, 1)))
    world.clock.pass_time(60)
    await replica.sweep.once()
    assert value("jobs_total", type="provision", outcome="succeeded") == before + 1


async def test_a_job_is_timed_by_what_aap_says(world: World, replica: Replica, launched: JobEvent) -> None:
    labels = {"type": "provision", "outcome": "succeeded"}
    before = value("job_seconds_sum", **labels)
    world.clock.pass_time(60)
    await replica.sweep.once()
    job = world.last.job
    assert job.started_at is not None
    assert job.finished_at is not None
    ran = (job.finished_at - job.started_at).total_seconds()
    assert value("job_seconds_sum", **labels) == pytest.approx(before + ran)


async def test_how_late_an_end_is_seen_is_told_by_the_clock_of_aap(world: World, replica: Replica) -> None:
    """It is seven minutes ahead of ours, which must not matter."""
    ahead = timedelta(minutes=7)
    aap_time = AapTime(world.clock)
    aap_time.hear(world.clock.now() + ahead, sent_at=world.clock.monotonic() + 1)
    object.__setattr__(replica.records, "aap_time", aap_time)
    await replica.launch(world.provision())
    before = value("job_end_seen_seconds_count"), value("job_end_seen_seconds_sum")
    row = await world.aap.job(world.last.job.kind, world.last.job.job_id)
    assert row is not None
    ended = replace(row, status="successful", finished=world.clock.now() + ahead)
    world.clock.pass_time(3)
    await replica.records.observe(world.last, await world.log.position(VM), ended)
    assert value("job_end_seen_seconds_count") == before[0] + 1
    assert value("job_end_seen_seconds_sum") - before[1] == pytest.approx(3, abs=0.01)


async def test_an_end_is_not_timed_by_a_clock_that_nobody_knows(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    before = value("job_end_seen_seconds_count")
    world.clock.pass_time(60)
    await replica.sweep.once()
    assert value("job_end_seen_seconds_count") == before


def active(state: str) -> float:
    return value("active_jobs", type="provision", state=state)


async def test_the_jobs_that_a_replica_polls_are_active(world: World, replica: Replica) -> None:
    events = []
    for number in range(3):
        await replica.launch(
            world.provision(instance=replace(VM, name=f"vm-{number}-slow", uid=f"u-{number}"))
        )
        events.append(world.last)
    await replica.poll(*events, age=1)
    assert active("pending") == 3
    world.clock.pass_time(20)
    await replica.poll(*events)
    assert (active("pending"), active("running")) == (0, 3)
    world.clock.pass_time(60)
    await replica.poll(*events[:2])
    assert active("running") == 0, "two have ended, and the third is polled by another replica by now"


async def test_a_job_that_another_replica_polls_by_now_is_not_counted_twice(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    (answer,) = await replica.poll(launched, age=1)
    assert isinstance(answer, Later)
    assert active("pending") == 1
    world.clock.pass_time(answer.delay + 6)
    await replica.poll()
    assert active("pending") == 0


async def test_the_age_of_the_last_sweep_grows_until_the_next(world: World) -> None:
    replica = world.replica()
    world.clock.pass_time(40)
    assert value("sweep_age_seconds") == 40, "of a process that never swept, its own"
    await replica.sweep.once()
    assert value("sweep_age_seconds") == 0
    world.clock.pass_time(5)
    assert value("sweep_age_seconds") == 5


async def test_a_canceled_job_that_went_on_is_told_of_once_and_stays_canceled(
    world: World, replica: Replica, launched: JobEvent
) -> None:
    """A person canceled it, AAP said so at once, and the playbook ended well after all. What is recorded
    stays: the status waits for that person, and the next job brings the machine to where it should be."""
    before = value("canceled_jobs_went_on_total")
    world.aap.state.force(world.aap.only(), Status.CANCELED, world.clock.now())
    await replica.sweep.once()
    canceled = world.last
    assert canceled.event is JobEventName.CANCELED
    world.aap.state.force(world.aap.only(), Status.SUCCESSFUL, world.clock.now())
    with capture_logs() as logs:
        for _ in range(3):
            await replica.sweep.once()
            await replica.poll(launched)
    assert world.last == canceled
    assert value("canceled_jobs_went_on_total") == before + 1
    assert [line["event"] for line in logs] == ["a canceled job went on to its end"]
