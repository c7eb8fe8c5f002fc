"""What playbooks get, where they look for it, and what is said of a resource too large to be sent."""

import json

from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.subjects import JOBS, jobs_of_uid
from e2e.states import is_ready, says
from e2e.world import StartWorld

OSAC = {
    "CLOUDKIT_AAP_TEMPLATE_PREFIX": "innabox",
    "CLOUDKIT_AAP_PROVISION_TEMPLATE": "",
    "CLOUDKIT_AAP_DEPROVISION_TEMPLATE": "",
    "CLOUDKIT_AAP_ORGANIZATION": "Default",
    "CLOUDKIT_AAP_PAYLOAD": "osac_job_vars",
}
LARGE = json.dumps({"cloud-init": "x" * 40_000})


async def test_a_resource_too_large_for_nats_is_told_of_and_provisioned_once_it_fits(
    start_world: StartWorld,
) -> None:
    world = await start_world(max_payload="32KB", environment=OSAC)
    vm, other = await world.create(vcpu=2, templateParameters=LARGE), await world.create()
    told = await vm.until(says("Provisioned", "False", "PayloadTooLarge"))
    assert "max_payload" in str(told.status.conditions)
    await other.until(is_ready)
    await vm.change(templateParameters="{}")
    ready = await vm.until(is_ready)
    assert [job.number for job in ready.status.jobs] == [1]
    events = await world.bus.jetstream.every(JOBS, jobs_of_uid(vm.ref))
    assert events[0].subject.endswith(JobEventName.DELAYED)
    assert all(len(event.data) < 3_000 for event in events)
    for one in (vm, other):
        assert await one.launches() == ["provision"]
    job = (await world.aap_api.get(f"jobs/{ready.status.jobs[0].job_id}/")).raise_for_status().json()
    variables = json.loads(job["extra_vars"])
    assert set(variables) == {"cloudkit_job", "osac_job_vars"}
    assert variables["osac_job_vars"]["resource"]["metadata"]["uid"] == vm.ref.uid
    await world.finish()
