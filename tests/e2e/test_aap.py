"""What people and accidents do in AAP, behind our back."""

from cloudkit.contracts.instance import Phase
from cloudkit.contracts.jobs import JobState
from e2e.states import condition, has_jobs, is_failed, is_ready, provision_is, says
from e2e.world import World
from sandbox.aap.faults import Fault, FaultKind
from sandbox.aap.playbooks import Rule


async def test_a_job_whose_launch_was_not_answered_is_adopted(world: World) -> None:
    lost = Fault(kind=FaultKind.DROP_AFTER, method="POST", path="/launch/$")
    await world.aap.add_faults(lost)
    vm = await world.create()
    ready = await vm.until(is_ready)
    assert await vm.launches() == ["provision"]
    assert [job.number for job in ready.status.jobs] == [1]
    assert "adopted" in [event.event for event in await world.bus.jobs.history(vm.ref)]


async def test_a_job_that_a_person_canceled_is_not_run_again_until_somebody_asks(world: World) -> None:
    await world.aap.add_rules(Rule(name="doubtful-*", seconds=60))
    vm = await world.create("doubtful", vcpu=2)
    running = await vm.until(provision_is(JobState.RUNNING))
    await world.aap.cancel(int(running.status.jobs[0].job_id), by="ann")
    canceled = await vm.until(says("Provisioned", "False", "Canceled"))
    assert canceled.status.phase is Phase.FAILED
    assert condition(canceled, "Stalled") is not None
    await world.aap.reset_rules()
    await vm.annotate(retry_requested_at="now")
    ready = await vm.until(is_ready)
    assert [job.retry_requested_at for job in ready.status.jobs] == ["", "now"]  # none came between
    assert await vm.launches() == ["provision", "provision"]


async def test_a_job_that_aap_forgot_is_a_failure_of_its_own_and_run_again(world: World) -> None:
    await world.aap.add_rules(Rule(name="forgotten-*", seconds=60))
    vm = await world.create("forgotten")
    running = await vm.until(provision_is(JobState.RUNNING))
    await world.aap.reset_rules()
    await world.aap.purge(int(running.status.jobs[0].job_id))
    purged = await vm.until(is_failed)
    assert purged.status.jobs[0].reason == "JobPurged"
    await vm.until(has_jobs(2))
    await vm.until(is_ready)
