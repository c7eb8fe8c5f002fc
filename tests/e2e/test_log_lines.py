"""What operators search the logs for stands there word for word, and names the instance."""

from cloudkit.contracts.jobs import JobState
from e2e.states import deprovision_is, is_failed, is_ready, provision_is
from e2e.vm import Vm
from e2e.world import World
from sandbox.aap.audit import AuditEvent
from sandbox.aap.faults import Fault, FaultKind
from sandbox.aap.playbooks import Outcome, Rule
from sandbox.aap.subjects import Purpose


async def test_a_provision_and_a_deprovision_are_told_step_by_step(world: World) -> None:
    await world.aap.add_rules(Rule(name="told-*", seconds=0.8))
    vm = await world.create("told")
    await vm.until(is_ready)
    await vm.delete_and_see_it_go()
    assert await _all_lines_about(vm) == [
        "triggering provisioning",
        "provision job triggered",
        "provision job still running",
        "provision job succeeded",
        "triggering deprovisioning",
        "deprovision job triggered",
        "deprovision job still running",
        "deprovision job succeeded",
    ]


async def test_a_deletion_during_provisioning_is_told_step_by_step(world: World) -> None:
    await world.aap.add_rules(Rule(name="stopped-*", purpose=Purpose.PROVISION, seconds=60))
    vm = await world.create("stopped")
    await vm.until(provision_is(JobState.RUNNING))
    await vm.delete_and_see_it_go()
    told = await _all_lines_about(vm)
    assert told[told.index("provision job still running") + 1 :][:4] == [
        "checking provision job before deprovision",
        "provision job is running, attempting to cancel",
        "deprovisioning not ready, requeueing",
        "canceled provision job",
    ]


async def test_a_job_that_ended_before_it_could_be_canceled_is_told_of(world: World) -> None:
    await world.aap.add_rules(Rule(name="faster-*", seconds=1))
    vm = await world.create("faster")
    await vm.until(provision_is(JobState.RUNNING))
    slow = Fault(kind=FaultKind.DELAY, method="GET", path=r"^/(workflow_)?jobs/$", times=None, latency=4)
    await world.aap.add_faults(slow)

    async def ended() -> bool:
        return bool(await world.audit(vm.ref, AuditEvent.FINISH))

    await world.eventually(ended, "the job ended, and nobody noticed")
    await vm.delete()
    await vm.until(provision_is(JobState.SUCCEEDED))
    await world.aap.clear_faults()
    await vm.until_gone()
    told = await _all_lines_about(vm)
    assert "checking provision job before deprovision" in told
    assert "provision job already terminal" in told
    assert "provision job is running, attempting to cancel" not in told


async def test_failures_are_told_with_what_the_playbook_said(world: World) -> None:
    await world.aap.add_rules(Rule(name="broken-*", outcome=Outcome.FAILED))
    vm = await world.create("broken")
    await vm.until(is_failed)
    await vm.delete()
    await vm.until(deprovision_is(JobState.FAILED))
    await world.aap.reset_rules()
    await vm.until_gone()
    told = " | ".join(await _all_lines_about(vm))
    assert "provision job failed: " in told
    assert "deprovision job failed: " in told
    assert told.count("exceeded quota") >= 2


async def _all_lines_about(vm: Vm) -> list[str]:
    """What aap-poller told of *vm*, which is gone; the end of its removal may be told a moment later."""

    async def told_of_the_end() -> list[str]:
        lines = _lines_about(vm)
        return lines if "deprovision job succeeded" in lines else []

    return await vm.world.eventually(told_of_the_end, "aap-poller told of the end")


def _lines_about(vm: Vm) -> list[str]:
    """What aap-poller told of *vm*; the same line twice in a row counts once."""
    lines = [str(line["event"]) for line in vm.world.log_lines("aap-poller") if line.get("uid") == vm.ref.uid]
    return [line for line, before in zip(lines, ["", *lines], strict=False) if line != before]
