"""Recovery drills: a system loses its data, or is restored from an old backup, in the middle of everything.

What people see and do then stands in docs/operations.md. Each drill in a world of its own, all side by side.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from time import monotonic

import msgspec
import pytest

from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.jobs import JobState
from e2e.administrator import restored, take_backup, write_status
from e2e.commands import KUBECTL, run
from e2e.states import condition, deprovision_is, has_jobs, is_ready, job_is, provision_is, says
from e2e.stories import Told, side_by_side
from e2e.vm import Vm, all_gone, all_until
from e2e.world import World, open_world, plan
from sandbox.aap.playbooks import Rule
from sandbox.aap.subjects import Purpose
from sandbox.process import Process

Drill = Callable[[World], Awaitable[None]]

PATIENCE = 60.0
LOST_ANSWER_TIMEOUT = 15.0
"""Seconds for which nothing is launched in a new job log: 5 minutes in production."""
ENVIRONMENT = {"CLOUDKIT_AAP_LOST_ANSWER_TIMEOUT": f"{LOST_ANSWER_TIMEOUT:g}s"}
UNHURRIED = (
    Rule(name="long-*", purpose=Purpose.PROVISION, seconds=3),
    Rule(name="sticky-*", purpose=Purpose.DEPROVISION, seconds=3),
)
"""Machines that take their time to come, or to go."""


async def nats_has_lost_everything(world: World) -> None:
    await world.aap.add_rules(*UNHURRIED)
    settled, leaving = await world.create(), await world.create("sticky")
    running, stopping = await world.create("long"), await world.create("long")
    await all_until([settled, leaving], is_ready)
    await leaving.delete()
    await all_until([running, stopping], provision_is(JobState.RUNNING))
    await leaving.until(deprovision_is(JobState.RUNNING))
    await stopping.delete()

    await world.stack.nats.stop()
    await world.stack.nats.lose_data()
    await settled.change(vcpu=8)
    meanwhile = await world.create()
    await world.stack.nats.start()
    started = monotonic()

    await world.stack.process("watcher").restart()  # or a minute passes until everything is asked for again
    await all_until([settled, meanwhile], says("Provisioned", "False", "JobLogNew"), within=PATIENCE)
    await asyncio.gather(*(_pass_five_minutes_without_news(vm) for vm in (running, leaving)))
    await running.until(is_ready, within=PATIENCE)
    await leaving.until_gone(within=PATIENCE)
    await all_until([settled, meanwhile], is_ready, within=PATIENCE)
    assert monotonic() - started >= LOST_ANSWER_TIMEOUT, "a launch of before might still arrive"
    await stopping.until_gone(within=PATIENCE)

    assert await settled.launches() == ["provision", "provision"]
    for vm in (running, meanwhile):
        assert await vm.launches() == ["provision"]
    for vm in (leaving, stopping):
        assert await vm.launches() == ["provision", "deprovision"]


async def kubernetes_was_restored_while_everything_ran(world: World) -> None:
    newborn = await _live_on_after_a_backup(world)
    await world.eventually(lambda: _is_told_as_orphaned(world, newborn), f"{newborn.name} was told of")


async def kubernetes_was_restored_while_our_services_were_away(world: World) -> None:
    await _live_on_after_a_backup(world, *world.stack.of("watcher"), *world.stack.of("status-writer"))


async def aap_was_restored(world: World) -> None:
    await world.aap.add_rules(*UNHURRIED)
    settled, leaving = await world.create(), await world.create("sticky")
    await all_until([settled, leaving], is_ready)
    running, stopping = await world.create("long"), await world.create("long")
    seen, _ = await all_until([running, stopping], provision_is(JobState.RUNNING))
    await leaving.delete()
    await leaving.until(deprovision_is(JobState.RUNNING))
    await stopping.delete()

    forgotten = seen.status.jobs[0].job_id
    await world.aap.restore(next_id=int(forgotten))
    newcomer = await world.create()  # its job gets the id of one that everybody takes to be running

    await running.until(job_is(1, "JobPurged"))
    for ready in await all_until([running, newcomer], is_ready, within=PATIENCE):
        job = ready.status.jobs[-1]
        assert (await world.payload(job.job_id))["metadata"]["uid"] == ready.metadata.uid
    await asyncio.gather(*(vm.until_gone(within=PATIENCE) for vm in (leaving, stopping)))
    (still,) = settled.seen()[-1:]
    assert is_ready(still)
    assert [job.number for job in still.status.jobs] == [1], "what is applied needs no job"
    await settled.change(vcpu=8)
    await settled.until(has_jobs(2))
    await settled.until(is_ready)
    assert await running.launches() == ["provision", "provision"]
    assert await newcomer.launches() == ["provision"]
    assert await leaving.launches() == ["provision", "deprovision", "deprovision"]


DRILLS: tuple[Drill, ...] = (
    nats_has_lost_everything,
    kubernetes_was_restored_while_everything_ran,
    kubernetes_was_restored_while_our_services_were_away,
    aap_was_restored,
)


@pytest.fixture(scope="module")
async def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Told[Drill]]:
    async def tell(drill: Drill) -> None:
        async with open_world(plan(tmp_path_factory.mktemp("drill"), environment=ENVIRONMENT)) as world:
            await drill(world)
            await world.finish()

    async with side_by_side(request, tell) as told:
        yield told


@pytest.mark.parametrize("story", DRILLS, ids=lambda drill: drill.__name__)
async def test_everything_recovers(told: Told[Drill], story: Drill) -> None:
    await told[story]


async def _pass_five_minutes_without_news(vm: Vm) -> None:
    """Make the newest job of *vm* look as it does when nothing was heard of it for that long."""
    now = vm.seen()[-1]
    (*earlier, last) = msgspec.to_builtins(now.status.jobs)
    last["timestamp"] = (now.status.jobs[-1].timestamp - timedelta(minutes=5)).isoformat()
    await write_status(vm.world, vm.name, {"jobs": [*earlier, last]})


async def _live_on_after_a_backup(world: World, *away: Process) -> Vm:
    """Restore Kubernetes while some processes are *away*. Returns what was created after the backup."""
    await world.aap.add_rules(*UNHURRIED)
    settled, changed, gone, wanted = [await world.create() for _ in range(4)]
    leaving = await world.create("sticky")
    await all_until([settled, changed, gone, wanted, leaving], is_ready)
    running = await world.create("long")
    await running.until(provision_is(JobState.RUNNING))
    await take_backup(world)

    newborn = await world.create()
    await changed.change(vcpu=4)
    await changed.until(has_jobs(2))
    await all_until([newborn, running, changed], is_ready)
    await all_gone([gone, wanted])
    await leaving.delete()
    await leaving.until(deprovision_is(JobState.RUNNING))

    await asyncio.gather(*(process.kill() for process in away))
    async with restored(world) as after:
        await asyncio.gather(*(process.restart() for process in away))
        for vm in (settled, running):
            ready = await (await after.follow(vm.name)).until(is_caught_up)
            assert [job.number for job in ready.status.jobs] == [1]
        await _gets_the_spec_of_the_backup_again(await after.follow(changed.name))
        came_back = [await after.follow(vm.name) for vm in (gone, wanted, leaving)]
        await all_until(came_back, says("Stalled", "True", "RemovedAndRestored"))
        await _is_left_alone_and_goes_when_deleted(came_back[0])
        await _is_made_anew_with_the_command_that_it_tells(came_back[1])
        await _is_removed_by_a_new_life_of_its_name(after, newborn)
    for vm in (gone, wanted, leaving):
        assert await vm.launches() == ["provision", "deprovision"]
    return newborn


def is_caught_up(instance: ComputeInstance) -> bool:
    return is_ready(instance) and all(job.closed for job in instance.jobs)


async def _gets_the_spec_of_the_backup_again(vm: Vm) -> None:
    await vm.until(has_jobs(3))
    ready = await vm.until(is_ready)
    asked = [(await vm.world.payload(job.job_id))["spec"]["vcpu"] for job in ready.status.jobs]
    assert asked == [2, 4, 2]


async def _is_left_alone_and_goes_when_deleted(vm: Vm) -> None:
    """No new spec goes round between watcher and poller, and nothing more is launched."""
    before = _provisions_asked_for(vm)
    await vm.change(vcpu=8)
    await vm.until(lambda one: one.status.observed_generation == one.metadata.generation)
    assert (vm.seen()[-1].status.phase, _provisions_asked_for(vm)) == ("Failed", before)
    await vm.delete_and_see_it_go()


async def _is_made_anew_with_the_command_that_it_tells(vm: Vm) -> None:
    if KUBECTL is None:
        return
    told = condition(vm.seen()[-1], "Stalled")
    assert told is not None
    _, _, command = told.message.partition("for a new machine: ")
    answer = await run("sh", "-c", command, kubeconfig=vm.world.stack.kubeconfig)
    assert answer.code == 0, answer.err
    anew = await vm.world.follow(vm.name)
    assert anew.ref.uid != vm.ref.uid
    await anew.until(is_ready)
    assert await anew.launches() == ["provision"]


async def _is_removed_by_a_new_life_of_its_name(world: World, vm: Vm) -> None:
    """The cluster has forgotten *vm*, and its machine is still there."""
    assert vm.name in {machine.name for machine in await world.aap.machines()}
    again = await world.create(vm.name, unique=False)
    await again.until(is_ready)
    await again.delete_and_see_it_go()
    assert vm.name not in {machine.name for machine in await world.aap.machines()}


def _provisions_asked_for(vm: Vm) -> int:
    asked = [line for line in vm.world.log_lines("watcher") if line.get("uid") == vm.ref.uid]
    return sum("Provision" in line.get("intents", ()) for line in asked)


async def _is_told_as_orphaned(world: World, vm: Vm) -> bool:
    told = [line for line in world.log_lines("status-writer") if line.get("uid") == vm.ref.uid]
    return any(line["event"].startswith("orphaned job") for line in told)
