"""Troubles that take their time to heal. Each in a world of its own, all side by side: they mostly wait."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from cloudkit.contracts.jobs import JobState
from e2e.states import is_ready, provision_is, says
from e2e.stories import Told, side_by_side
from e2e.vm import Vm, all_until
from e2e.world import World, open_world, plan
from sandbox.aap.faults import Fault, FaultKind
from sandbox.aap.model import User
from sandbox.aap.playbooks import Rule
from sandbox.aap.subjects import Purpose

Story = Callable[[World], Awaitable[None]]
Deed = Callable[[], Awaitable[object]]

PATIENCE = 60.0
PROVISION_TEMPLATE = "innabox-create-compute-instance"


async def a_job_that_appears_long_after_its_launch_was_not_answered_is_waited_for(world: World) -> None:
    await world.aap.add_faults(
        _of_a_launch(FaultKind.COMMIT_LATE, seconds=17), _of_a_launch(FaultKind.LAUNCH_LATE, seconds=17)
    )
    vms = [await world.create(), await world.create()]
    await all_until(vms, says("Provisioned", "False", "LaunchUnconfirmed"), within=PATIENCE)
    for ready in await all_until(vms, is_ready, within=PATIENCE):
        assert [job.number for job in ready.status.jobs] == [1]
    for vm in vms:
        assert await vm.launches() == ["provision"]


async def a_poller_that_dies_between_a_launch_and_its_answer_finds_the_job_again(world: World) -> None:
    (poller,) = world.stack.of("aap-poller")
    await world.aap.add_rules(Rule(name="long-*", seconds=4))
    running, stopping = await world.create("long"), await world.create("long")
    await all_until([running, stopping], provision_is(JobState.RUNNING))
    await world.aap.forget_requests()
    await world.aap.add_faults(_of_a_launch(FaultKind.DELAY, latency=2))
    unanswered = await world.create()
    await world.eventually(lambda: _launch_is_under_way(world), "AAP heard of a launch")
    await stopping.delete()
    await poller.kill()
    await unanswered.until_launched(1)
    await poller.restart()
    await all_until([running, unanswered], is_ready, within=PATIENCE)
    await stopping.until_gone(within=PATIENCE)
    assert await running.launches() == await unanswered.launches() == ["provision"]
    assert await stopping.launches() == ["provision", "deprovision"]


async def everything_goes_on_when_nats_was_killed_and_is_back_with_its_data(world: World) -> None:
    await _everything_goes_on(world, world.stack.nats.kill, world.stack.nats.start)


async def everything_goes_on_when_the_watcher_was_killed_and_is_back(world: World) -> None:
    watcher = world.stack.process("watcher")
    await _everything_goes_on(world, watcher.kill, watcher.restart)


async def everything_goes_on_when_the_status_writer_was_killed_and_is_back(world: World) -> None:
    writer = world.stack.process("status-writer")
    await _everything_goes_on(world, writer.kill, writer.restart)


async def a_template_that_is_missing_is_told_of_and_used_once_it_is_there(world: World) -> None:
    (template,) = [one for one in await world.aap.templates() if one.name == PROVISION_TEMPLATE]
    await world.aap.remove_templates([template.id])
    (poller,) = world.stack.of("aap-poller")
    await poller.restart()  # it knows templates by heart for a while
    vm = await world.create()
    told = await vm.until(says("Provisioned", "False", "TemplateNotFound"))
    assert PROVISION_TEMPLATE in str(told.status.conditions)
    await world.aap.put_template(template)
    await _is_ready_after_one_job(vm)


async def a_token_that_is_refused_is_told_of_and_launches_go_on_once_it_is_known(world: World) -> None:
    await world.aap.revoke_token(world.stack.aap.token)
    vm = await world.create()
    await vm.until(says("Provisioned", "False", "Unauthorized"))
    await world.aap.add_token(world.stack.aap.token, User())
    await _is_ready_after_one_job(vm)


async def an_aap_that_is_down_is_told_of_and_launches_go_on_once_it_is_back(world: World) -> None:
    await world.stack.process("aap").kill()
    vm = await world.create()
    await vm.until(says("Provisioned", "False", "ProviderUnreachable"))
    await world.stack.process("aap").restart()
    await _is_ready_after_one_job(vm)


async def a_job_that_we_may_not_cancel_is_told_of_and_canceled_once_we_may(world: World) -> None:
    await world.aap.add_rules(Rule(name="guarded-*", purpose=Purpose.PROVISION, seconds=600))
    vm = await world.create("guarded")
    running = await vm.until(provision_is(JobState.RUNNING))
    job = int(running.status.jobs[0].job_id)
    await world.aap.mark(job, cancelable=False)
    await vm.delete()
    told = await vm.until(says("Deprovisioned", "False", "CancelForbidden"))
    assert f"Job {job} " in str(told.status.conditions)
    await world.aap.mark(job, cancelable=True)
    await vm.until(provision_is(JobState.CANCELED), within=PATIENCE)
    await vm.until_gone()
    assert await vm.launches() == ["provision", "deprovision"]


STORIES: tuple[Story, ...] = (
    a_job_that_appears_long_after_its_launch_was_not_answered_is_waited_for,
    a_poller_that_dies_between_a_launch_and_its_answer_finds_the_job_again,
    everything_goes_on_when_nats_was_killed_and_is_back_with_its_data,
    everything_goes_on_when_the_watcher_was_killed_and_is_back,
    everything_goes_on_when_the_status_writer_was_killed_and_is_back,
    a_template_that_is_missing_is_told_of_and_used_once_it_is_there,
    a_token_that_is_refused_is_told_of_and_launches_go_on_once_it_is_known,
    an_aap_that_is_down_is_told_of_and_launches_go_on_once_it_is_back,
    a_job_that_we_may_not_cancel_is_told_of_and_canceled_once_we_may,
)


@pytest.fixture(scope="module")
async def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Told[Story]]:
    async def tell(story: Story) -> None:
        async with open_world(plan(tmp_path_factory.mktemp("story"))) as world:
            await story(world)
            await world.finish()

    async with side_by_side(request, tell) as told:
        yield told


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_it_heals(told: Told[Story], story: Story) -> None:
    await told[story]


async def _everything_goes_on(world: World, kill: Deed, start_again: Deed) -> None:
    """Kill something in the middle of everything: what was asked before and meanwhile is done, once."""
    await world.aap.add_rules(Rule(name="long-*", seconds=4))
    settled, leaving = await world.create(), await world.create()
    running, stopping = await world.create("long"), await world.create("long")
    await all_until([settled, leaving], is_ready)
    await all_until([running, stopping], provision_is(JobState.RUNNING))
    just_before = await world.create()
    await asyncio.gather(leaving.delete(), stopping.delete())
    await kill()
    meanwhile = await world.create()
    await settled.change(vcpu=8)
    await start_again()
    await all_until([settled, running, just_before, meanwhile], is_ready, within=PATIENCE)
    await asyncio.gather(*(vm.until_gone(within=PATIENCE) for vm in (leaving, stopping)))
    for vm in (running, just_before, meanwhile):
        assert await vm.launches() == ["provision"]
    for vm in (leaving, stopping):
        assert await vm.launches() == ["provision", "deprovision"]
    assert await settled.launches() == ["provision", "provision"]


async def _is_ready_after_one_job(vm: Vm) -> None:
    ready = await vm.until(is_ready, within=PATIENCE)
    assert [job.number for job in ready.status.jobs] == [1]
    assert ready.status.launch is None
    assert await vm.launches() == ["provision"]


def _of_a_launch(kind: FaultKind, *, seconds: float = 0, latency: float = 0) -> Fault:
    return Fault(kind=kind, method="POST", path="/launch/$", seconds=seconds, latency=latency)


async def _launch_is_under_way(world: World) -> bool:
    requests = await world.aap.requests()
    return any(route.startswith("POST") and route.endswith("/launch/") for route in requests)
