"""Replicas that share a Lease on an API server, in real time."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from cloudkit.runtime.ending import end
from cloudkit.runtime.health import Health
from cloudkit.runtime.kube import connect_kube
from cloudkit.runtime.kube.leases import KubeLease, LeaseName
from cloudkit.runtime.leader import Leader, new_identity
from cloudkit.runtime.lease import LeaseTimes
from contract.bus.messages import OffsetClock, eventually

TIMES = LeaseTimes(duration=1, renew_deadline=0.7, retry=0.2)
AN_HOUR = 3600.0


class Replica:
    """Notes when it works."""

    def __init__(self, lease: KubeLease, clock: OffsetClock) -> None:
        self.health = Health()
        self.stopping = asyncio.Event()
        self.began: list[float] = []
        self.ended: list[float] = []
        leader = Leader(lease, me=new_identity(), times=TIMES, clock=clock, health=self.health)
        self.process = asyncio.create_task(leader.run(self._work, stopping=self.stopping))

    async def _work(self, over: asyncio.Event) -> None:
        self.began.append(time.monotonic())
        try:
            await over.wait()
        finally:
            self.ended.append(time.monotonic())

    @property
    def works(self) -> bool:
        return len(self.began) > len(self.ended)

    @property
    def stands_by(self) -> bool:
        return self.health.parts()["lease"].startswith("standby")


Start = Callable[..., Awaitable[Replica]]


@pytest.fixture
async def start(kubeconfig: Path, name: LeaseName) -> AsyncIterator[Start]:
    async with AsyncExitStack() as replicas:

        async def start(*, wall_is_off_by: float = 0.0) -> Replica:
            clock = OffsetClock(wall_is_off_by=wall_is_off_by)
            client = await replicas.enter_async_context(connect_kube({"KUBECONFIG": str(kubeconfig)}, clock))
            replica = Replica(KubeLease(client, name), clock)
            replicas.push_async_callback(end, replica.process)
            return replica

        yield start


async def test_of_many_that_begin_together_one_works(start: Start) -> None:
    replicas = [await start() for _ in range(5)]
    await eventually(lambda: sum(one.works for one in replicas) == 1)
    await eventually(lambda: sum(one.stands_by for one in replicas) == 4)


async def test_they_take_turns_as_each_is_told_to_stop_and_no_turn_is_lost(start: Start) -> None:
    replicas = [await start() for _ in range(4)]
    for _ in replicas:
        await eventually(lambda: any(one.works for one in replicas))
        (active,) = (one for one in replicas if one.works)
        active.stopping.set()
        await active.process
    assert all(len(one.began) == 1 for one in replicas)
    turns = sorted((one.began[0], one.ended[0]) for one in replicas)
    assert all(begins - ended < TIMES.duration for (_, ended), (begins, _) in pairwise(turns))


@pytest.mark.parametrize("off", [-AN_HOUR, AN_HOUR])
async def test_clocks_that_differ_by_an_hour_change_nothing(start: Start, off: float) -> None:
    first = await start(wall_is_off_by=off)
    await eventually(lambda: first.works)
    second = await start()
    await eventually(lambda: second.stands_by)
    await asyncio.wait({second.process}, timeout=2 * TIMES.duration)
    assert (len(first.began), len(second.began)) == (1, 0)
    first.stopping.set()
    await eventually(lambda: second.works)
