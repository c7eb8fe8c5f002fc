"""Garbage on every subject that somebody hears, while instances live: lives go well, no garbage is lost."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Cancel, Intent, Reconcile, encode_intent
from cloudkit.contracts.jobs import Provider
from cloudkit.contracts.subjects import Addressee, again_subject, intent_subject
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.metrics import DEAD_LETTERS
from e2e.states import has_jobs, is_ready
from e2e.test_dead_letters import dead_letters
from e2e.vm import Vm
from e2e.world import StartWorld, World
from sandbox.stack import services_for

SEED = 4
HEARD = {
    JobEventName.CLAIMED: ("aap-poller", "eda-dispatcher"),
    JobEventName.LAUNCHED: ("aap-poller", "status-writer"),
    JobEventName.ADOPTED: ("aap-poller", "status-writer"),
}
"""Who hears each event; of all others, the status-writer alone."""
GIVES_UP = {
    Addressee.AAP: "aap-poller",
    Addressee.EDA: "eda-dispatcher",
    Addressee.STATUS: "status-writer",
}
TWINS = ("aap-poller-claims", "aap-poller-polls", "eda-dispatcher-claims", "status-writer-events")
WORTH_READING = (
    b'{"type":"Provision","instance":{"namespace":"lab","name":"x","uid":"u"},"born":"2026-01-01T00:00:00Z",'
    b'"number":1,"config_version":"v","attempt":1,"resource":{"spec":{}}}',
    b'{"event":"claimed","instance":{"namespace":"lab","name":"x","uid":"u"},"job":{"type":"provision",'
    b'"state":"Pending","timestamp":"2026-01-01T00:00:00Z","number":1,"revision":1,"provider":"aap"}}',
)
Poison = tuple[str, bytes, tuple[str, ...]]
"""Subject, body, and the services that have to give up on it."""


def poisons(dice: Random) -> Iterator[Poison]:
    """One of each kind on every subject family, about instances that nobody knows."""
    for kind in range(6):
        for addressee, service in GIVES_UP.items():
            yield f"cloudkit.intent.{addressee}.lab.poison-{kind}", spoiled(dice, kind), (service,)
        for event in JobEventName:
            subject = f"cloudkit.job.lab.poison-{kind}.u-1.aap.provision.{event}"
            yield subject, spoiled(dice, kind), HEARD.get(event, ("status-writer",))
        for durable in TWINS:
            service = durable.rpartition("-")[0]
            yield again_subject(durable, 9_000_000 + kind), spoiled(dice, kind), (service,)
    nobody = InstanceRef("lab", "misdirected", "u-1")
    cancel = Cancel(instance=nobody, born=SystemClock().now(), number=1)
    misdirected: dict[Addressee, Intent] = {
        Addressee.AAP: Reconcile(instance=nobody),
        Addressee.EDA: cancel,
        Addressee.STATUS: cancel,
    }
    for addressee, intent in misdirected.items():
        yield intent_subject(addressee, nobody), encode_intent(intent), (GIVES_UP[addressee],)


def spoiled(dice: Random, kind: int) -> bytes:
    good = dice.choice(WORTH_READING)
    match kind:
        case 0:
            return dice.randbytes(dice.randrange(200))
        case 1:
            return good[: dice.randrange(len(good))]
        case 2:
            return good.replace(
                b'"u"', dice.choice([b'"u.*"', b'">"', b'"\\r\\nPUB a 0\\r\\n"', b"7", b'"\\ud800"'])
            )
        case 3:
            return good.replace(b"00:00:00Z", dice.choice([b"00:00:00", b"99:00:00Z", b""]))
        case 4:
            return b'{"x":' * 9000
        case _:
            return good.replace(
                b'"number":1', b'"number":' + dice.choice([b"9" * 5000, b"NaN", b"1.5", b"null"])
            )


@pytest.mark.timeout(300)
async def test_all_lives_go_well_among_garbage_and_all_of_it_ends_as_a_dead_letter(
    start_world: StartWorld,
) -> None:
    world = await start_world(services=services_for(*Provider))
    pids = world.stack.pids()
    vms = [await world.create(provider=provider) for provider in Provider for _ in range(3)]
    expected: Counter[str] = Counter()
    async with asyncio.TaskGroup() as lives:
        for vm in vms:
            lives.create_task(_live(vm))
        for subject, body, services in poisons(Random(SEED)):
            await world.bus.jetstream.append(subject, body, {"ce-id": "poison"})
            expected.update(f"cloudkit.dead.{service}.{subject}" for service in services)
    await world.eventually(lambda: _are_letters(world, expected), "each poison was a dead letter")
    assert world.stack.pids() == pids, "a service ended"
    counted = [await _counted(world, service) for service in GIVES_UP.values()]
    assert sum(counted) == expected.total()
    await _drop_all(world)
    await world.finish()


async def test_garbage_that_has_replaced_a_wish_is_put_aside_and_the_next_wish_is_carried_out(
    start_world: StartWorld,
) -> None:
    """There is one intent per instance and service: whoever may publish may replace it."""
    world = await start_world()
    poller = world.stack.process("aap-poller")
    await poller.stop()
    vm = await world.create()
    subject = intent_subject(Addressee.AAP, vm.ref)
    await world.eventually(lambda: _waits(world, subject), "it was asked for")
    await world.bus.jetstream.append(subject, b"\x00garbage", {})
    await poller.restart()
    await world.eventually(world.dead_letters, "the garbage was put aside")
    assert await vm.launches() == []
    await vm.change(vcpu=4)  # so that the watcher asks at once, and not within a minute
    await vm.until(is_ready)
    assert await vm.launches() == ["provision"]
    await _drop_all(world)
    await world.finish()


async def _live(vm: Vm) -> None:
    await vm.until(is_ready, within=60)
    await vm.change(vcpu=4)
    await vm.until(has_jobs(2), within=60)
    await vm.until(is_ready, within=60)
    await vm.delete()
    await vm.until_gone(within=60)


async def _are_letters(world: World, expected: Counter[str]) -> bool:
    return Counter(letter.subject for letter in await world.dead_letters()) == expected


async def _counted(world: World, service: str) -> float:
    metrics = await world.metrics(world.stack.process(service))
    name = f"{DEAD_LETTERS._name}_total{{"
    return sum(value for metric, value in metrics.items() if metric.startswith(name))


async def _waits(world: World, subject: str) -> bool:
    return await world.bus.jetstream.last("CLOUDKIT_INTENTS", subject) is not None


async def _drop_all(world: World) -> None:
    dropped = await dead_letters(world.stack.nats.url, "drop", "--all", "--yes")
    assert dropped.code == 0, dropped.err
    assert await world.dead_letters() == []
