"""Carries out a schedule of strikes on the processes of a world, and makes each target whole again."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from chaos.faults import AAP_FAULTS, EDA_FAULTS
from chaos.schedule import Kind, Strike, Targets
from cloudkit.contracts.errors import ProvisionerError
from cloudkit.contracts.subjects import JOBS
from e2e.world import World
from sandbox.nats import NatsServer
from sandbox.process import Process

ARM_WITHIN = 5.0
"""Seconds that a stand-in, which may be frozen, has to take a fault."""


def targets_in(world: World) -> Targets:
    """Everything in *world* that can be struck."""
    plan = world.stack.plan
    services = (process.name for name in plan.services for process in world.stack.of(name))
    return Targets(
        services=tuple(services),
        nodes=tuple(node.name for node in world.stack.nats_nodes),
        aap_faults=tuple(AAP_FAULTS),
        eda_faults=tuple(EDA_FAULTS),
        kubernetes=plan.kubeconfig is None,
    )


@dataclass
class Monkeys:
    """Strikes at *world*. ``struck`` says what was done, in order; ``missed`` what could not be."""

    world: World
    struck: list[Strike] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    async def carry_out(self, strikes: Iterable[Strike]) -> None:
        """Strike when it is time, and return once everything is whole. Raises `DidNotStart` when something
        does not come back."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with asyncio.TaskGroup() as under_way:
            for strike in strikes:
                await asyncio.sleep(start + strike.at - loop.time())
                under_way.create_task(self._strike(strike))
        await asyncio.gather(*(one.ready() for one in self.world.stack.supervisor.processes.values()))

    async def end_faults(self) -> None:
        """End what has not worn off by itself."""
        await self.world.aap.clear_faults()
        await self.world.eda.reset()

    async def _strike(self, strike: Strike) -> None:
        self.struck.append(strike)
        stack = self.world.stack
        match strike.kind:
            case Kind.KILL | Kind.KILL_KUBERNETES:
                await _kill(stack.process(strike.target), strike.lasts)
            case Kind.FREEZE | Kind.FREEZE_AAP:
                await _freeze(stack.process(strike.target), strike.lasts)
            case Kind.KILL_NODE:
                await _kill_node(self._node(strike.target), strike.lasts)
            case Kind.KILL_LEADER:
                await _kill_node(await self._leader(), strike.lasts)
            case Kind.FREEZE_NODE:
                await _freeze(self._node(strike.target), strike.lasts)
            case Kind.AAP_FAULT:
                await self._arm(strike, self.world.aap.add_faults(AAP_FAULTS[strike.target]))
            case Kind.EDA_FAULT:
                await self._arm(strike, self.world.eda.add_faults(EDA_FAULTS[strike.target]))

    def _node(self, name: str) -> NatsServer:
        return next(node for node in self.world.stack.nats_nodes if node.name == name)

    async def _leader(self) -> NatsServer:
        """The leader of the job log; the first node while there is none."""
        try:
            info = await self.world.bus.jetstream.api(f"STREAM.INFO.{JOBS}", None, dict[str, Any])
        except ProvisionerError as error:
            self.missed.append(f"nobody leads the job log: {error}")
            return self.world.stack.nats
        return self._node(info["cluster"]["leader"])

    async def _arm(self, strike: Strike, arming: Any) -> None:
        try:
            await asyncio.wait_for(arming, ARM_WITHIN)
        except (httpx.HTTPError, TimeoutError) as error:
            self.missed.append(f"{strike}: {error!r}")


async def _kill(process: Process, lasts: float) -> None:
    await process.kill()
    await asyncio.sleep(lasts)
    process.start()


async def _kill_node(node: NatsServer, lasts: float) -> None:
    await node.kill()
    await asyncio.sleep(lasts)
    await node.start()


async def _freeze(process: Process | NatsServer, lasts: float) -> None:
    process.pause()
    try:
        await asyncio.sleep(lasts)
    finally:
        process.resume()
