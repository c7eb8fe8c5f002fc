"""Several of each service at once: every instance still gets one job."""

import asyncio

from e2e.states import is_ready
from e2e.vm import all_gone, all_until
from e2e.world import StartWorld

INSTANCES = 30


async def test_two_replicas_of_each_service_run_one_job_for_each_of_many_instances(
    start_world: StartWorld,
) -> None:
    world = await start_world(replicas={"watcher": 2, "aap-poller": 2, "status-writer": 2})
    vms = await asyncio.gather(*(world.create() for _ in range(INSTANCES)))
    await all_until(vms, is_ready, within=60)
    for vm in vms:
        assert await vm.launches() == ["provision"]
    await all_gone(vms, within=60)
    for vm in vms:
        assert await vm.launches() == ["provision", "deprovision"]
    await world.finish()
