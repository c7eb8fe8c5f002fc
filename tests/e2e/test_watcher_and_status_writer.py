"""The watcher and the status-writer alone, while no provider listens."""

import pytest

from cloudkit.contracts.intents import Provision, read_intent
from cloudkit.contracts.subjects import INTENTS, Addressee, intent_subject
from e2e.states import is_progressing
from e2e.vm import Vm
from e2e.world import StartWorld, World


@pytest.fixture
async def world(start_world: StartWorld) -> World:
    return await start_world(services=("watcher", "status-writer"))


async def test_a_new_instance_is_adopted_and_a_provision_waits_for_aap(world: World) -> None:
    vm = await world.create(vcpu=2)
    provision = await _provision(vm)
    assert (provision.instance, provision.number, provision.attempt) == (vm.ref, 1, 1)
    assert provision.resource is not None
    assert provision.resource["spec"]["vcpu"] == 2
    progressing = await vm.until(is_progressing)
    assert progressing.adopted
    assert progressing.status.desired_config_version == provision.config_version


async def test_an_instance_that_was_created_while_both_were_down_is_adopted_when_they_are_back(
    world: World,
) -> None:
    for service in world.stack.plan.services:
        await world.stack.process(service).kill()
    vm = await world.create()
    for service in world.stack.plan.services:
        await world.stack.process(service).restart()
    assert (await _provision(vm)).number == 1


async def _provision(vm: Vm) -> Provision:
    """What the watcher asks aap-poller for."""

    async def asked() -> Provision | None:
        stored = await vm.world.bus.jetstream.last(INTENTS, intent_subject(Addressee.AAP, vm.ref))
        intent = read_intent(stored.data) if stored else None
        return intent if isinstance(intent, Provision) else None

    return await vm.world.eventually(asked, f"somebody asked to provision {vm.name}")
