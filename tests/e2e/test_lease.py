"""Two status-writers and a Lease: one writes, the other takes over, and nobody notices."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from e2e.states import is_ready
from e2e.vm import Vm, all_until
from e2e.world import StartWorld, World
from sandbox.process import Process

LEASE = {"CLOUDKIT_LEASE": "default/cloudkit-status-writer-of-tests"}
SHORT = {
    "CLOUDKIT_LEASE_DURATION": "3s",
    "CLOUDKIT_LEASE_RENEW_DEADLINE": "2s",
    "CLOUDKIT_LEASE_RETRY": "500ms",
}
TAKE_OVER = 15.0
HAND_OVER = 2.0
AT_ONCE = 6


class Two:
    """The two status-writers of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.both = world.stack.of("status-writer")

    async def active(self, *among: Process, within: float = 25) -> Process:
        """The one that writes, of both or of those *among* them; waited for."""

        async def found() -> Process | None:
            leaders = [one for one in among or self.both if await self.leads(one)]
            assert len(leaders) <= 1, "both say that they are active"
            return leaders[0] if leaders else None

        return await self.world.eventually(found, "one was active", within=within)

    def other(self, one: Process) -> Process:
        return next(process for process in self.both if process is not one)

    async def leads(self, process: Process) -> bool:
        return (await self.world.metrics(process))["cloudkit_leader"] == 1

    async def says(self, process: Process) -> tuple[int, str]:
        """What its /readyz says of the Lease."""
        answer = await self.world.http.get(f"{self.world.stack.http(process)}/readyz")
        return answer.status_code, answer.json()["lease"]

    async def until_it_stands_by(self, process: Process) -> None:
        async def stands_by() -> bool:
            code, said = await self.says(process)
            return code == httpx.codes.OK and said.startswith("standby: ")

        await self.world.eventually(stands_by, f"{process.name} stood by")


@pytest.fixture
async def two(start_world: StartWorld) -> Two:
    return Two(await start_world(replicas={"status-writer": 2}, environment=LEASE))


@pytest.fixture
async def hasty(start_world: StartWorld) -> Two:
    """The same, with a Lease that ends soon."""
    return Two(await start_world(replicas={"status-writer": 2}, environment=LEASE | SHORT))


@asynccontextmanager
async def people_at_work(world: World) -> AsyncIterator[None]:
    """While the block lasts, instances are created, become ready, and are deleted: all of them."""
    over = asyncio.Event()

    async def live() -> None:
        while not over.is_set():
            vm = await world.create()
            await vm.until(is_ready, within=40)
            await vm.delete()
            await vm.until_gone(within=40)
            assert await vm.launches() == ["provision", "deprovision"]

    async with asyncio.TaskGroup() as people:
        for _ in range(AT_ONCE):
            people.create_task(live())
        try:
            yield
        finally:
            over.set()


async def test_one_is_active_and_the_other_says_that_it_stands_by_and_writes_nothing(two: Two) -> None:
    active = await two.active()
    standby = two.other(active)
    await two.until_it_stands_by(standby)
    assert await two.says(active) == (200, "active")
    await (await two.world.create()).until(is_ready)
    assert await writes(two.world, active) > 0
    assert await writes(two.world, standby) == 0
    await two.world.finish()


async def test_when_the_active_one_is_killed_under_load_the_other_takes_over_and_every_life_goes_on(
    two: Two,
) -> None:
    active = await two.active()
    standby = two.other(active)
    await two.until_it_stands_by(standby)
    async with people_at_work(two.world):
        await some_are_ready(two.world)
        began = time.monotonic()
        await active.kill()
        await two.active(standby)
        took = time.monotonic() - began
    assert took < TAKE_OVER
    await active.restart()
    await two.until_it_stands_by(active)
    await two.world.finish()


async def test_when_the_active_one_is_told_to_stop_the_other_takes_over_at_once(two: Two) -> None:
    active = await two.active()
    standby = two.other(active)
    await two.until_it_stands_by(standby)
    async with people_at_work(two.world):
        await some_are_ready(two.world)
        began = time.monotonic()
        active.wanted = False
        active.send(signal.SIGTERM)
        await two.active(standby)
        took = time.monotonic() - began
        assert await active.ended(within=10), active.tail()
    assert took < HAND_OVER
    assert active.exit_code == 0
    await two.world.finish()


async def test_one_that_was_frozen_for_longer_than_its_lease_does_no_harm_when_it_wakes_up(
    hasty: Two,
) -> None:
    frozen = await hasty.active()
    standby = hasty.other(frozen)
    await hasty.until_it_stands_by(standby)
    async with people_at_work(hasty.world):
        await some_are_ready(hasty.world)
        frozen.pause()
        await hasty.active(standby)
        frozen.resume()
        await hasty.until_it_stands_by(frozen)
        assert await hasty.active() is standby
    await hasty.world.finish()


async def test_while_kubernetes_does_not_answer_nobody_is_active_and_both_say_so(hasty: Two) -> None:
    await hasty.active()
    vm = await hasty.world.create()
    await vm.until(is_ready)
    hasty.world.stack.process("kube").pause()
    await hasty.world.eventually(lambda: nobody_is_active(hasty), "nobody was active")
    hasty.world.stack.process("kube").resume()
    await hasty.active()
    await all_until([vm, await hasty.world.create()], is_ready)
    await hasty.world.finish()


async def nobody_is_active(two: Two) -> bool:
    said = [await two.says(process) for process in two.both]
    leads = [await two.leads(process) for process in two.both]
    return not any(leads) and all(code == 503 and "answer" in text for code, text in said)


async def writes(world: World, process: Process) -> float:
    counted = await world.metrics(process)
    return sum(number for name, number in counted.items() if name.startswith("cloudkit_status_writes_total"))


async def some_are_ready(world: World) -> None:
    """The load is on."""
    vms: list[Vm] = [await world.create() for _ in range(3)]
    await all_until(vms, is_ready)
