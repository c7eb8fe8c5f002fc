"""Names: what they may hold, and what happens when one is used again."""

import asyncio

from cloudkit.contracts.jobs import JobState
from e2e.states import is_ready, provision_is
from e2e.world import World
from sandbox.aap.audit import AuditEvent
from sandbox.aap.playbooks import Rule


async def test_a_name_may_hold_dots(world: World) -> None:
    dotted = await world.create("vm.with.dots", unique=False)
    dashed = await world.create("vm-with-dots", unique=False)
    await asyncio.gather(dotted.until(is_ready), dashed.until(is_ready))
    await dotted.delete_and_see_it_go()
    assert [machine.name for machine in await world.aap.machines()] == ["vm-with-dots"]


async def test_a_name_may_be_used_again_and_the_job_numbers_start_over(world: World) -> None:
    first = await world.create("phoenix", unique=False)
    await first.until(is_ready)
    await first.delete_and_see_it_go()
    second = await world.create("phoenix", unique=False)
    ready = await second.until(is_ready)
    assert second.ref.uid != first.ref.uid
    assert [job.number for job in ready.status.jobs] == [1]
    assert await first.launches() == ["provision", "deprovision"]
    assert await second.launches() == ["provision"]


async def test_a_new_instance_waits_until_the_job_of_its_abandoned_namesake_has_ended(world: World) -> None:
    await world.aap.add_rules(Rule(name="orphan", seconds=2))
    abandoned = await world.create("orphan", unique=False)
    await abandoned.until(provision_is(JobState.RUNNING))
    await abandoned.delete()
    await abandoned.drop_finalizers()
    await abandoned.until_gone()
    second = await world.create("orphan", unique=False)
    await second.until(is_ready)
    (ended,) = await world.audit(abandoned.ref, AuditEvent.FINISH)
    (launched,) = await world.audit(second.ref, AuditEvent.LAUNCH)
    assert launched.at > ended.at

    async def told() -> bool:
        lines = world.log_lines("status-writer")
        return any("orphaned job" in line["event"] and line["uid"] == abandoned.ref.uid for line in lines)

    await world.eventually(told, "the log told of the orphaned job")
