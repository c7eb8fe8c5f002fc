"""From creation to removal, when nobody disturbs it and when somebody changes their mind."""

import msgspec
import pytest

from cloudkit.contracts.instance import LAST_APPLIED_ANNOTATION, Phase
from cloudkit.contracts.jobs import JobState, JobType
from e2e.commands import Kubectl, manifest
from e2e.states import has_jobs, is_ready, provision_is
from e2e.world import World
from sandbox.aap.playbooks import Rule

UNHURRIED = Rule(name="told-*", pending_seconds=0.6, waiting_seconds=0.6, seconds=0.6)
"""Jobs that stay in each state long enough for everybody to see it."""


async def test_an_instance_becomes_ready_and_when_deleted_its_machine_goes_first(world: World) -> None:
    vm = await world.create(vcpu=2, memory=4096, disk=40)
    await vm.until(is_ready)
    assert [machine.name for machine in await world.aap.machines()] == [vm.name]
    await vm.delete_and_see_it_go()
    assert await world.aap.machines() == []
    assert await vm.launches() == ["provision", "deprovision"]
    phases = list(dict.fromkeys(one.status.phase for one in vm.seen() if one.status.phase))
    assert phases == [Phase.PROGRESSING, Phase.READY, Phase.DELETING]


async def test_the_status_tells_every_state_of_a_job_in_the_words_of_the_runbooks(world: World) -> None:
    await world.aap.add_rules(UNHURRIED)
    vm = await world.create("told", vcpu=2)
    await vm.until(is_ready)
    await vm.delete_and_see_it_go()
    provision, deprovision = (vm.told_of(type) for type in JobType)
    told = {job.state: job.message for job in provision}
    assert list(told) == [JobState.PENDING, JobState.WAITING, JobState.RUNNING, JobState.SUCCEEDED]
    assert told[JobState.PENDING] == "Job queued"
    assert told[JobState.RUNNING] == "Job running"
    assert told[JobState.SUCCEEDED] == "Job completed successfully"
    assert deprovision[0].message == "Deprovision job triggered"
    assert (deprovision[-1].state, deprovision[-1].message) == (JobState.SUCCEEDED, "Deprovision completed")
    ids = [one.job for one in await world.aap.audit() if one.uid == vm.ref.uid and one.event == "launch"]
    assert [provision[-1].id, deprovision[-1].id] == [str(id) for id in ids]


@pytest.mark.parametrize("how", ["--server-side", "--server-side=false"])
async def test_a_playbook_gets_every_field_of_the_spec_and_nothing_that_only_kubectl_needs(
    world: World, kubectl: Kubectl, how: str
) -> None:
    spec = {"vcpu": 2, "gpu": {"model": "L4", "slots": [1, 2.5]}, "größe": "groß"}
    applied = await kubectl("apply", how, "-f", "-", stdin=manifest("applied", spec))
    assert applied.code == 0, applied.err
    vm = await world.follow("applied")
    ready = await vm.until(is_ready)
    resource = msgspec.json.decode(ready.resource)
    payload = await world.payload(ready.status.jobs[0].job_id)
    assert payload["spec"] == spec
    assert payload["metadata"]["uid"] == vm.ref.uid
    assert payload["status"]["desiredConfigVersion"] == ready.status.reconciled_config_version
    for clutter in ("managedFields", LAST_APPLIED_ANNOTATION):
        assert clutter not in str(payload)
    assert "managedFields" in str(resource) or LAST_APPLIED_ANNOTATION in str(resource)


async def test_a_changed_spec_is_provisioned_again_and_a_return_to_the_old_one_a_third_time(
    world: World,
) -> None:
    vm = await world.create(vcpu=2)
    first = await vm.until(is_ready)
    await vm.change(vcpu=4)
    await vm.until(has_jobs(2))
    second = await vm.until(is_ready)
    await vm.change(vcpu=2)
    await vm.until(has_jobs(3))
    third = await vm.until(is_ready)
    versions = [one.status.reconciled_config_version for one in (first, second, third)]
    assert versions[0] == versions[2] != versions[1]
    assert [job.config_version for job in third.status.jobs] == versions
    assert [job.number for job in third.status.jobs] == [1, 2, 3]
    asked = [(await world.payload(job.job_id))["spec"]["vcpu"] for job in third.status.jobs]
    assert asked == [2, 4, 2]
    assert await vm.launches() == ["provision"] * 3


async def test_a_change_while_a_job_runs_is_applied_after_it(world: World) -> None:
    await world.aap.add_rules(Rule(name="busy-*", seconds=1.5))
    vm = await world.create("busy", vcpu=2)
    await vm.until(provision_is(JobState.RUNNING))
    await vm.change(vcpu=4)
    changed = await vm.until(has_jobs(2))
    ready = await vm.until(is_ready)
    assert changed.status.jobs[0].state is JobState.SUCCEEDED
    first, second = [one.id for one in vm.told_of(JobType.PROVISION) if one.state is JobState.SUCCEEDED]
    assert (await world.payload(second))["spec"] == {"vcpu": 4}
    assert first == ready.status.jobs[0].job_id


async def test_metadata_that_changes_is_no_reason_for_a_job(world: World) -> None:
    vm = await world.create()
    await vm.until(is_ready)
    await vm.annotate(note="hello")
    await vm.change(vcpu=4)  # this one is: so nothing was launched for the other
    await vm.until(has_jobs(2))
    ready = await vm.until(is_ready)
    assert [(await world.payload(job.job_id))["spec"]["vcpu"] for job in ready.status.jobs] == [2, 4]
