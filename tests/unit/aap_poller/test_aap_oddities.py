"""What AAP's jobs do that one does not expect, and what the log makes of it."""

import msgspec
import pytest

from aap_poller.settings import Settings
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.jobs import JobKind, JobState
from cloudkit.runtime.settings import read_settings
from sandbox.aap.model import Status, TemplateKind
from sandbox.aap.playbooks import Rule
from unit.aap_poller.aap import CREATE, DELETE
from unit.aap_poller.world import Life, Replica, World

DISPATCHER_HOLDS_UP_A_CANCEL = 10.0
"""Seconds, by AWX's source: twice five."""


async def test_a_job_that_aap_puts_back_into_its_queue_is_pending_again(
    world: World, replica: Replica
) -> None:
    await replica.launch(world.provision())
    job = world.aap.only()
    world.aap.state.force(job, Status.RUNNING, world.clock.now())
    await replica.poll(world.log.events[1])
    world.aap.state.force(job, Status.PENDING, world.clock.now(), explanation="pod quota exceeded")
    await replica.poll(world.log.events[1])

    assert world.story == ["claimed", "launched", "running", "pending"]
    await Life(world, replica).go_on(40)
    assert world.last.event is JobEventName.SUCCEEDED
    assert len(world.aap.launches) == 1


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELED])
async def test_a_job_may_end_without_ever_having_started(
    world: World, replica: Replica, status: Status
) -> None:
    await replica.launch(world.provision())
    world.aap.state.force(world.aap.only(), status, world.clock.now(), explanation="Previous Task Failed")
    await replica.sweep.once()

    assert world.last.closed
    assert world.last.job.started_at is None
    assert world.last.job.state is (JobState.FAILED if status is Status.FAILED else JobState.CANCELED)


async def test_a_workflow_job_runs_without_ever_waiting(world: World, replica: Replica) -> None:
    (create,) = (one for one in world.aap.state.catalog if one.name == CREATE)
    world.aap.state.catalog.put(msgspec.structs.replace(create, name="step"))
    world.aap.put_template(CREATE, kind=TemplateKind.WORKFLOW_JOB_TEMPLATE, nodes=("step",))
    await replica.launch(world.provision())
    await Life(world, replica).go_on(60)

    assert world.story == ["claimed", "launched", "running", "succeeded"]
    assert world.last.job.kind is JobKind.WORKFLOW_JOB


async def test_what_a_canceled_playbook_does_in_the_end_changes_neither_its_record_nor_the_cleanup(
    world: World, replica: Replica
) -> None:
    world.aap.state.playbooks.put_first([Rule(template=CREATE, seconds=20, survives_cancel=True)])
    await replica.launch(world.provision())
    world.clock.pass_time(2)
    life = Life(world, replica, world.deprovision())
    await life.go_on(60)

    first, *_ = sorted(world.aap.present().jobs, key=lambda job: job.id)
    assert first.status is Status.SUCCESSFUL  # which overwrote what AAP had said before
    ends = [event.event for event in world.log.events if event.job.number == 1 and event.closed]
    assert ends == [JobEventName.CANCELED]
    assert (world.last.job.number, world.last.event) == (2, JobEventName.SUCCEEDED)


async def test_a_finished_job_that_aap_has_purged_is_not_taken_for_one_that_never_ran(
    world: World, replica: Replica
) -> None:
    await replica.launch(world.provision())
    await Life(world, replica).go_on(60)
    assert world.last.event is JobEventName.SUCCEEDED
    shown = world.last.job
    world.aap.state.purge(world.aap.only(), world.clock.now(), by="cleanup")

    await replica.hear(world.follow(shown))
    await replica.launch(world.provision())
    await Life(world, replica).go_on(60)

    assert world.last.event is JobEventName.SUCCEEDED
    assert len(world.aap.launches) == 1


async def test_ids_that_start_over_in_a_restored_aap_belong_to_nobody_until_a_job_says_whose_it_is(
    world: World, replica: Replica
) -> None:
    await replica.launch(world.provision())
    world.aap.state.restore(world.aap.only().id)
    world.aap.run(DELETE, {"cloudkit_job": "lab/other/uid-9/7"})
    await replica.hear(world.deprovision())

    assert world.aap.cancels == []
    assert (world.last.event, world.last.job.reason) == (JobEventName.FAILED, "JobPurged")


def test_a_request_may_take_as_long_as_awx_holds_up_a_cancel() -> None:
    environ = {
        "CLOUDKIT_AAP_URL": "https://aap/api/controller",
        "CLOUDKIT_AAP_TOKEN": "token",
        "CLOUDKIT_AAP_PROVISION_TEMPLATE": CREATE,
        "CLOUDKIT_AAP_DEPROVISION_TEMPLATE": DELETE,
    }
    assert read_settings(Settings, environ).request_timeout > DISPATCHER_HOLDS_UP_A_CANCEL
