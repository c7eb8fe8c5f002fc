"""A watcher in memory: it hears every change, and what it asks stands on the board."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from cloudkit.contracts.errors import Unreachable
from cloudkit.contracts.instance import FINALIZER, ComputeInstance, InstanceRef
from cloudkit.contracts.intents import Intent
from cloudkit.contracts.subjects import Addressee
from cloudkit.lifecycle.policy import Policy
from cloudkit.runtime.ports import Outstanding
from cloudkit.runtime.testing import ManualClock, MemoryIntents
from cloudkit.runtime.testing.kube import MemoryInstances
from watcher.handlers import Watcher
from watcher.subscriptions import listen


class Board(MemoryIntents):
    """Intents that can be away, or slow for one instance."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.held: set[str] = set()
        self.released = asyncio.Event()
        self.tried = 0
        self.withdrawals = 0

    async def publish(self, addressee: Addressee, intent: Intent) -> None:
        self.tried += 1
        self._must_be_there()
        if intent.instance.name in self.held:
            await self.released.wait()
        await super().publish(addressee, intent)

    async def outstanding(self, namespace: str = "") -> Sequence[Outstanding]:
        self._must_be_there()
        return await super().outstanding(namespace)

    async def withdraw(self, instance: InstanceRef) -> None:
        self.withdrawals += 1
        self._must_be_there()
        await super().withdraw(instance)

    def verbs(self) -> list[str]:
        """What was published, in words."""
        return [f"{type(intent).__name__} {intent.instance.name}" for _, intent in self.published]

    def standing(self) -> list[str]:
        """What stands on the board, in words."""
        return sorted(f"{type(intent).__name__} {intent.instance.name}" for _, intent in self.waiting)

    def _must_be_there(self) -> None:
        if self.away:
            raise Unreachable("the bus is away")


class Kube(MemoryInstances):
    """Counts how often an instance is read by itself."""

    reads = 0

    async def get(self, namespace: str, name: str) -> ComputeInstance | None:
        self.reads += 1
        return await super().get(namespace, name)


class World:
    """Everything around a watcher."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.instances = Kube(self.clock)
        self.board = Board()
        self.policy = Policy()

    @asynccontextmanager
    async def watching(self, namespace: str = "") -> AsyncIterator[Watcher]:
        """A watcher that listens; any number of them may run at once."""
        watcher = Watcher(
            instances=self.instances,
            intents=self.board,
            clock=self.clock,
            age_of=lambda born: (self.clock.now() - born).total_seconds(),
            policy=self.policy,
            namespace=namespace,
        )
        self.feed = self.instances.feed(namespace)
        stopping = asyncio.Event()
        async with watcher.lanes.working():
            listening = asyncio.create_task(listen(self.feed, watcher, stopping=stopping))
            try:
                await self.settle()
                yield watcher
            finally:
                stopping.set()
                await listening

    async def settle(self) -> None:
        for _ in range(3):
            await self.clock.advance(0)

    def create(self, name: str, *, adopted: bool = True, **spec: Any) -> ComputeInstance:
        finalizers = (FINALIZER,) if adopted else ()
        return self.instances.create("ns", name, spec=spec or {"vcpu": 1}, finalizers=finalizers)
