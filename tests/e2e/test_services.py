"""The services as processes: how they start, how they say how they are, and how they end."""

import asyncio
import signal
import sys
from dataclasses import replace
from functools import partial

import httpx

from cloudkit.contracts.jobs import Provider
from e2e.commands import run
from e2e.states import is_ready
from e2e.vm import all_until
from e2e.world import StartWorld, World
from sandbox.aap.faults import Fault, FaultKind
from sandbox.nats import free_ports
from sandbox.process import Process
from sandbox.stack import Stack, service_commands, services_for

PORT = "CLOUDKIT_HTTP_PORT"
SERVICES = services_for(*Provider)
POLLER = {
    "CLOUDKIT_AAP_URL": "http://127.0.0.1:1/api/controller",
    "CLOUDKIT_AAP_TOKEN": "a-secret",
    "CLOUDKIT_AAP_PROVISION_TEMPLATE": "create",
    "CLOUDKIT_AAP_DEPROVISION_TEMPLATE": "delete",
}


async def test_a_service_without_its_settings_lists_all_that_are_missing_and_ends() -> None:
    ended = await run(sys.executable, "-m", "aap_poller")
    assert ended.code == 2
    for variable in POLLER:
        assert f"{variable} is required" in ended.err
    assert "Traceback" not in ended.err


async def test_bad_settings_are_all_told_at_once_and_secrets_are_not() -> None:
    bad = {"CLOUDKIT_AAP_URL": "aap.example.com", "CLOUDKIT_AAP_STATUS_POLL_INTERVAL": "often"}
    ended = await run(sys.executable, "-m", "aap_poller", environment=POLLER | bad)
    assert ended.code == 2
    for variable, value in bad.items():
        assert f"{variable} is '{value}', but must be" in ended.err
    assert "a-secret" not in ended.err


async def test_services_live_but_are_not_ready_until_everything_they_need_is_there(
    start_world: StartWorld,
) -> None:
    world = await start_world(provider=Provider.EDA, services=())
    nats, aap, kube = world.stack.nats, world.stack.process("aap"), world.stack.process("kube")
    await asyncio.gather(nats.kill(), aap.kill(), kube.kill())
    services = _services(world)
    async with asyncio.TaskGroup() as starting:
        starting.create_task(world.stack.supervisor.start(*service_commands(services)))
        for name in SERVICES:
            await _until_it_lacks(world, _url(services, name), "nats")
        await nats.start()
        await _until_it_lacks(world, _url(services, "aap-poller"), "aap")
        await _until_it_lacks(world, _url(services, "watcher"), "kubernetes")
        await asyncio.gather(aap.restart(), kube.restart())
    for name in SERVICES:
        await world.eventually(partial(_is_ready, world, _url(services, name)), f"{name} was ready")


async def test_a_service_that_is_told_to_stop_finishes_launches_and_hands_back_the_rest(
    start_world: StartWorld,
) -> None:
    few_at_once = {"CLOUDKIT_AAP_MAX_CONCURRENT_LAUNCHES": "2"}
    world = await start_world(replicas={"aap-poller": 2}, environment=few_at_once)
    slow = Fault(kind=FaultKind.DELAY, method="POST", path="/launch/$", latency=1, times=None)
    await world.aap.add_faults(slow)
    vms = await asyncio.gather(*(world.create() for _ in range(12)))
    first, _ = world.stack.of("aap-poller")
    await world.eventually(lambda: _launches(world, first), "it launched something")
    first.wanted = False
    first.send(signal.SIGTERM)
    assert await first.ended(within=10), first.tail()
    assert first.exit_code == 0
    await world.aap.clear_faults()
    await all_until(vms, is_ready, within=20)  # 30 s if it had kept what it could not finish
    for vm in vms:
        assert await vm.launches() == ["provision"]
    await world.finish()


async def test_every_service_counts_what_it_does(start_world: StartWorld) -> None:
    world = await start_world(services=SERVICES)
    vms = [await world.create(provider=provider) for provider in Provider]
    await all_until(vms, is_ready)
    counted = {name: await world.metrics(world.stack.process(name)) for name in SERVICES}
    assert counted["watcher"]['cloudkit_decisions_total{asked="Provision"}'] >= 1
    assert counted["watcher"]["cloudkit_feed_lists_total"] >= 1
    assert counted["aap-poller"]['cloudkit_launches_total{outcome="launched",type="provision"}'] >= 1
    assert counted["aap-poller"]["cloudkit_duplicate_launches_total"] == 0
    assert counted["aap-poller"]["cloudkit_last_sweep_timestamp_seconds"] > 0
    assert counted["eda-dispatcher"]['cloudkit_eda_webhooks_total{outcome="received",type="provision"}'] == 1
    assert counted["status-writer"]['cloudkit_status_writes_total{result="written",write="status"}'] >= 1
    assert counted["status-writer"]["cloudkit_orphaned_jobs_total"] >= 0
    assert counted["status-writer"]["cloudkit_leader"] == 1, "without a Lease everybody is active"
    for service in ("aap-poller", "eda-dispatcher", "status-writer"):
        assert any(name.startswith("cloudkit_messages_total") for name in counted[service])


def _services(world: World) -> Stack:
    """The stack of *world* with all services, which do not run yet; each has a port known before."""
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    settings = {name: {PORT: str(port)} for name, port in ports.items()}
    with_services = replace(world.stack.plan, services=SERVICES, environment_of=settings)
    return replace(world.stack, plan=with_services)


def _url(services: Stack, name: str) -> str:
    return f"http://127.0.0.1:{services.plan.environment_of[name][PORT]}"


async def _until_it_lacks(world: World, url: str, part: str) -> None:
    """Wait until who answers at *url* lives, is not ready, and says that *part* is missing."""

    async def lives_but_lacks() -> bool:
        try:
            lives, ready = [await world.http.get(f"{url}/{page}") for page in ("livez", "readyz")]
        except httpx.TransportError:
            return False  # it does not listen yet
        assert (lives.status_code, ready.status_code) == (200, 503), ready.text
        return bool(ready.json().get(part, "ok") != "ok")

    await world.eventually(lives_but_lacks, f"/readyz named {part}")


async def _is_ready(world: World, url: str) -> bool:
    return (await world.http.get(f"{url}/readyz")).status_code == 200


async def _launches(world: World, poller: Process) -> bool:
    return "triggering provisioning" in poller.log.read_text()
