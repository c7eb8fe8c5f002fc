"""The watcher and the status-writer as processes, against a real nats-server and the Kubernetes stand-in."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from cloudkit.contracts.instance import ComputeInstance, Phase
from cloudkit.contracts.intents import Provision, read_intent
from cloudkit.contracts.subjects import INTENTS, Addressee, intent_subject
from cloudkit.runtime.bus import Bus, connect
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.health import Health
from sandbox.instances import Instances, open_instances
from sandbox.stack import Plan, Stack, start_stack

T = TypeVar("T")

PATIENCE = 20.0


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with start_stack(Plan(directory=tmp_path, services=("watcher", "status-writer"))) as stack:
        yield stack


@pytest.fixture
async def instances(stack: Stack) -> AsyncIterator[Instances]:
    async with open_instances(stack.kubeconfig) as instances:
        yield instances


@pytest.fixture
async def bus(stack: Stack) -> AsyncIterator[Bus]:
    async with connect(stack.nats.url, service="test", clock=SystemClock(), health=Health()) as bus:
        yield bus


async def test_a_new_instance_is_adopted_and_a_provision_waits_for_aap(
    instances: Instances, bus: Bus
) -> None:
    created = await instances.create("vm", vcpu=2)
    provision = await eventually(lambda: _provision(bus, created))
    assert (provision.instance, provision.number, provision.attempt) == (created.ref, 1, 1)
    assert provision.resource["spec"]["vcpu"] == 2

    async def progressing() -> ComputeInstance | None:
        vm = await instances.get("vm")
        return vm if vm and vm.status.phase is Phase.PROGRESSING else None

    vm = await eventually(progressing)
    assert vm.adopted
    assert vm.status.desired_config_version == provision.config_version


async def test_an_instance_that_was_created_while_both_were_down_is_adopted_when_they_are_back(
    stack: Stack, instances: Instances, bus: Bus
) -> None:
    await eventually(lambda: _ready(stack, "watcher"))
    for service in stack.plan.services:
        await stack.process(service).kill()
    created = await instances.create("vm", vcpu=2)
    for service in stack.plan.services:
        await stack.process(service).restart()
    provision = await eventually(lambda: _provision(bus, created))
    assert provision.number == 1


async def test_both_say_that_they_are_ready(stack: Stack) -> None:
    for service in stack.plan.services:
        await eventually(partial(_ready, stack, service))


async def _provision(bus: Bus, instance: ComputeInstance) -> Provision | None:
    stored = await bus.jetstream.last(INTENTS, intent_subject(Addressee.AAP, instance.ref))
    intent = read_intent(stored.data) if stored else None
    return intent if isinstance(intent, Provision) else None


async def _ready(stack: Stack, service: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"{stack.http(stack.process(service))}/readyz")).status_code == 200


async def eventually(ask: Callable[[], Awaitable[T | None]]) -> T:
    """The first answer of *ask* that is true."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := await ask()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)  # between two looks at other processes
    return answer
