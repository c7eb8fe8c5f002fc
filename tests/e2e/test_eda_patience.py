"""Troubles with EDA that take their time to heal. Each in a world of its own, all side by side."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from cloudkit.contracts.jobs import JobState, Provider
from e2e.states import has_jobs, is_ready, says
from e2e.stories import Told, side_by_side
from e2e.vm import Vm
from e2e.world import World, open_world, plan
from sandbox.eda.faults import Fault

Story = Callable[[World], Awaitable[None]]

PATIENCE = 60.0
INTERVAL = 6.0


async def an_eda_that_is_down_is_told_of_and_webhooks_go_on_once_it_is_back(world: World) -> None:
    await world.stack.process("eda").kill()
    vm = await world.create()
    await vm.until(says("Provisioned", "False", "ProviderUnreachable"))
    await world.stack.process("eda").restart()
    await _is_ready_after_one_webhook(vm)


async def a_webhook_that_is_refused_is_told_of_and_no_failed_job(world: World) -> None:
    await world.eda.add_faults(Fault(status=401, heard=False, times=None))
    vm = await world.create()
    await vm.until(says("Provisioned", "False", "Unauthorized"))
    await world.eda.reset()
    await _is_ready_after_one_job(vm)


async def a_webhook_that_is_redirected_is_told_of_and_not_followed(world: World) -> None:
    elsewhere = "https://login.example.com/"
    await world.eda.add_faults(Fault(status=302, location=elsewhere, heard=False, times=None))
    vm = await world.create()
    told = await vm.until(says("Provisioned", "False", "Redirected"))
    assert elsewhere in str(told.status.conditions)
    await world.eda.reset()
    await _is_ready_after_one_job(vm)


async def a_dispatcher_that_dies_before_its_webhook_is_answered_does_not_send_it_again(
    world: World,
) -> None:
    (dispatcher,) = world.stack.of("eda-dispatcher")
    await world.eda.add_faults(Fault(latency=2, starts_after=25))
    vm = await world.create()
    await world.eventually(vm.webhooks, "EDA got the webhook")
    await dispatcher.kill()
    await dispatcher.restart()
    await vm.until(says("Provisioned", "Unknown", "WebhookUnanswered"), within=PATIENCE)
    await _is_ready_after_one_webhook(vm)


async def webhooks_about_one_instance_keep_their_distance_whoever_was_killed_between(world: World) -> None:
    (dispatcher,) = world.stack.of("eda-dispatcher")
    vm = await world.create(vcpu=2)
    await vm.until(is_ready)
    await dispatcher.kill()
    await vm.change(vcpu=4)
    await dispatcher.restart()
    told = await vm.until(says("Provisioned", "False", "RequestInterval"))
    assert "CLOUDKIT_MINIMUM_REQUEST_INTERVAL" in str(told.status.conditions)
    await vm.until(has_jobs(2), within=PATIENCE)
    await vm.until(is_ready)
    first, second = await world.eda.webhooks(vm.ref.uid)
    assert INTERVAL - 1 <= (second.at - first.at).total_seconds() < INTERVAL + 10
    await vm.delete_and_see_it_go()  # the removal goes to another URL: it need not wait


SETTINGS: dict[Story, dict[str, str]] = {
    an_eda_that_is_down_is_told_of_and_webhooks_go_on_once_it_is_back: {},
    a_webhook_that_is_refused_is_told_of_and_no_failed_job: {},
    a_webhook_that_is_redirected_is_told_of_and_not_followed: {},
    a_dispatcher_that_dies_before_its_webhook_is_answered_does_not_send_it_again: {
        "CLOUDKIT_EDA_REQUEST_TIMEOUT": "3s",
        "CLOUDKIT_EDA_RESEND_AFTER": "1m",
        "CLOUDKIT_EDA_JOB_TIMEOUT": "1m",
    },
    webhooks_about_one_instance_keep_their_distance_whoever_was_killed_between: {
        "CLOUDKIT_MINIMUM_REQUEST_INTERVAL": f"{INTERVAL:g}s",
    },
}


@pytest.fixture(scope="module")
async def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Told[Story]]:
    async def tell(story: Story) -> None:
        directory = tmp_path_factory.mktemp("story")
        async with open_world(plan(directory, provider=Provider.EDA, environment=SETTINGS[story])) as world:
            await story(world)
            await world.finish()

    async with side_by_side(request, tell) as told:
        yield told


@pytest.mark.parametrize("story", SETTINGS, ids=lambda story: story.__name__)
async def test_it_heals(told: Told[Story], story: Story) -> None:
    await told[story]


async def _is_ready_after_one_webhook(vm: Vm) -> None:
    await _is_ready_after_one_job(vm)
    assert len([one for one in await vm.world.eda.webhooks(vm.ref.uid) if one.heard]) <= 1


async def _is_ready_after_one_job(vm: Vm) -> None:
    """However often its webhook was refused."""
    ready = await vm.until(is_ready, within=PATIENCE)
    assert [(job.number, job.state) for job in ready.status.jobs] == [(1, JobState.SUCCEEDED)]
    assert ready.status.launch is None
    assert await vm.launches() == ["provision"]
