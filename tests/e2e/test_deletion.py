"""Deleting an instance: what runs is stopped first, and nothing is left behind, however often it fails."""

import pytest

from cloudkit.contracts.instance import FINALIZER, Phase
from cloudkit.contracts.jobs import JobState
from e2e.states import (
    deprovision_is,
    has_jobs,
    is_failed,
    is_ready,
    provision_is,
    says,
    shows_no_failure,
)
from e2e.world import World
from sandbox.aap.audit import AuditEvent
from sandbox.aap.playbooks import Failure, Outcome, Rule
from sandbox.aap.subjects import Purpose

PROVISION = Purpose.PROVISION
LONG = 60.0
SLOW_IN = {
    JobState.PENDING: Rule(purpose=PROVISION, pending_seconds=LONG),
    JobState.WAITING: Rule(purpose=PROVISION, waiting_seconds=LONG),
    JobState.RUNNING: Rule(purpose=PROVISION, seconds=LONG),
}


@pytest.mark.parametrize("state", SLOW_IN)
async def test_a_job_is_canceled_before_the_machine_is_removed(world: World, state: JobState) -> None:
    await world.aap.add_rules(SLOW_IN[state])
    vm = await world.create()
    await vm.until(provision_is(state))
    await vm.delete()
    stopped = await vm.until(provision_is(JobState.CANCELED))
    await vm.until_gone()
    assert stopped.status.deprovision_job is None
    audit = await world.audit(vm.ref, AuditEvent.LAUNCH, AuditEvent.CANCEL, AuditEvent.FINISH)
    assert [f"{one.event} {one.purpose}" for one in audit] == [
        "launch provision",
        "cancel provision",
        "finish provision",
        "launch deprovision",
        "finish deprovision",
    ]
    ended, next_launch = audit[2].at, audit[3].at
    assert (next_launch - ended).total_seconds() >= 0.3  # the grace that these tests set


async def test_a_failed_instance_says_which_task_failed_and_its_leftovers_are_removed(world: World) -> None:
    failure = Failure(task="Reserve storage", message="the pool is full")
    await world.aap.add_rules(Rule(name="full-*", outcome=Outcome.FAILED, failure=failure, purpose=PROVISION))
    vm = await world.create("full")
    failed = await vm.until(is_failed)
    job = failed.status.provision_job
    assert job is not None
    assert job.message.startswith("AAP job failed: ")
    assert "Reserve storage" in job.message
    assert "the pool is full" in job.message
    assert job.block_deletion_on_failure
    await vm.delete_and_see_it_go()
    assert (await vm.launches())[-1] == "deprovision"


async def test_a_failed_instance_is_tried_again_and_forgets_its_failure(world: World) -> None:
    await world.aap.add_rules(Rule(name="weak-*", outcome=Outcome.FAILED, purpose=PROVISION))
    vm = await world.create("weak")
    await vm.until(is_failed)
    await world.aap.reset_rules()
    ready = await vm.until(is_ready)
    assert shows_no_failure(ready)
    assert [job.attempt for job in ready.status.jobs] == list(range(1, len(ready.status.jobs) + 1))
    assert ready.status.jobs[0].state is JobState.FAILED  # the history remembers


async def test_a_failed_removal_keeps_the_finalizer_and_is_tried_again_until_it_succeeds(
    world: World,
) -> None:
    failure = Failure(task="Detach volumes", message="a volume is busy")
    vm = await world.create("sticky")
    await vm.until(is_ready)
    await world.aap.add_rules(Rule(name="sticky-*", outcome=Outcome.FAILED, failure=failure))
    await vm.delete()
    failed = await vm.until(deprovision_is(JobState.FAILED))
    assert failed.metadata.finalizers == (FINALIZER,)
    assert failed.status.phase is Phase.DELETING
    assert failed.status.deprovision_job is not None
    assert "Detach volumes" in failed.status.deprovision_job.message
    await vm.until(says("Deprovisioned", "False", "JobFailed"))
    await vm.until(has_jobs(3))
    assert len(await world.aap.machines()) == 1
    await world.aap.reset_rules()
    await vm.until_gone()
