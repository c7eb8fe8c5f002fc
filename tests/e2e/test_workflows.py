"""Templates whose jobs are workflow jobs, in AAP another kind at other addresses: workflow templates, and job
templates that are cut into slices."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from cloudkit.contracts.instance import FINALIZER
from cloudkit.contracts.jobs import JobKind, JobState, JobType
from e2e.states import is_failed, is_ready, provision_is
from e2e.world import StartWorld, World, open_world, plan
from sandbox.aap.audit import AuditEvent
from sandbox.aap.playbooks import Failure, Outcome, Rule
from sandbox.aap.subjects import Purpose
from sandbox.stack import AAP_SETTINGS

WORKFLOWS = {name: f"{AAP_SETTINGS[name]}-workflow" for name in AAP_SETTINGS if name.endswith("_TEMPLATE")}
WORKFLOW_JOB = JobKind.WORKFLOW_JOB


@pytest.fixture(scope="module")
async def world_of_workflows(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    directory = tmp_path_factory.mktemp("workflows")
    async with open_world(plan(directory, environment=WORKFLOWS)) as world:
        yield world


@pytest.fixture
async def workflows(world_of_workflows: World) -> AsyncIterator[World]:
    """Both templates are workflow templates; each test leaves the world as it found it."""
    yield world_of_workflows
    await world_of_workflows.finish()


async def test_a_workflow_makes_and_removes_a_machine(workflows: World) -> None:
    vm = await workflows.create()
    ready = await vm.until(is_ready)
    assert [job.kind for job in ready.status.jobs] == [WORKFLOW_JOB]
    assert [machine.name for machine in await workflows.aap.machines()] == [vm.name]
    await vm.delete_and_see_it_go()
    assert await workflows.aap.machines() == []
    shown = [job.state for job in vm.told_of(JobType.PROVISION)]
    assert JobState.WAITING not in shown
    assert shown[-1] is JobState.SUCCEEDED


async def test_a_failed_workflow_says_which_step_failed_and_why(workflows: World) -> None:
    failure = Failure(task="Reserve storage", message="the pool is full")
    await workflows.aap.add_rules(Rule(name="full-*", outcome=Outcome.FAILED, failure=failure))
    vm = await workflows.create("full")
    job = (await vm.until(is_failed)).status.provision_job
    assert job is not None
    told = (AAP_SETTINGS["CLOUDKIT_AAP_PROVISION_TEMPLATE"], "Reserve storage", "the pool is full")
    assert [words for words in told if words not in job.message] == []


async def test_a_workflow_is_canceled_with_everything_that_it_runs_before_the_machine_is_removed(
    workflows: World,
) -> None:
    await workflows.aap.add_rules(Rule(name="long-*", purpose=Purpose.PROVISION, seconds=60))
    vm = await workflows.create("long")
    await vm.until(provision_is(JobState.RUNNING))
    await vm.delete()
    stopped = await vm.until(provision_is(JobState.CANCELED))
    assert FINALIZER in stopped.metadata.finalizers
    await vm.until_gone()
    audit = await workflows.audit(vm.ref, AuditEvent.LAUNCH, AuditEvent.FINISH)
    ended = [one.at for one in audit if one.event is AuditEvent.FINISH and one.status == "canceled"]
    cleanup = next(one for one in audit if one.purpose is Purpose.DEPROVISION)
    assert len(ended) == 2  # the workflow job, and the job that it ran
    assert cleanup.at > max(ended)


async def test_a_sliced_job_lives_and_dies_as_one(start_world: StartWorld) -> None:
    world = await start_world()
    for template in await world.aap.templates():
        await world.aap.put_template(msgspec.structs.replace(template, job_slice_count=2))
    vm = await world.create()
    ready = await vm.until(is_ready)
    assert [(job.number, job.kind) for job in ready.status.jobs] == [(1, WORKFLOW_JOB)]
    await vm.delete_and_see_it_go()
    launched = await world.audit(vm.ref, AuditEvent.LAUNCH)
    assert [f"{one.kind} {one.purpose}" for one in launched] == [
        "workflow_job provision",
        "job provision",
        "job provision",
        "workflow_job deprovision",
        "job deprovision",
        "job deprovision",
    ]
    await world.finish()
