"""What the watch on ComputeInstances has shown: every version of every instance, in order.

A state that passes in a moment is found here later; so a test may say what it waits for, one thing after
the other, and misses nothing in between.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from cloudkit.contracts.instance import ComputeInstance
from sandbox.instances import Instances

IsSo = Callable[[ComputeInstance], bool]
"""Something that is true of an instance; its name says what, with underscores between the words."""


class Sightings:
    """Versions by uid. Their resourceVersions are numbers that only grow, as Kubernetes promises."""

    def __init__(self) -> None:
        self._seen: dict[str, list[ComputeInstance]] = defaultdict(list)
        self._gone: set[str] = set()
        self._news = asyncio.Condition()

    async def watch(self, instances: Instances) -> None:
        """Note what the watch on *instances* shows, until it ends."""
        async for type, instance in instances.events():
            async with self._news:
                uid = instance.metadata.uid
                self._seen[uid].append(instance)
                if type == "DELETED":
                    self._gone.add(uid)
                self._news.notify_all()

    def of(self, uid: str) -> Sequence[ComputeInstance]:
        """Every version seen of *uid*, oldest first."""
        return self._seen[uid]

    def gone(self, uid: str) -> bool:
        return uid in self._gone

    async def first(self, uid: str, is_so: IsSo, *, since: int, within: float) -> ComputeInstance:
        """The first version of *uid* that *is_so*, with at least the resourceVersion *since*.

        Raises `TimeoutError` after *within* seconds without one.
        """

        def found() -> ComputeInstance | None:
            return next((one for one in self.of(uid) if version(one) >= since and is_so(one)), None)

        async with asyncio.timeout(within), self._news:
            await self._news.wait_for(lambda: found() is not None)
        instance = found()
        assert instance is not None
        return instance

    async def end(self, uid: str, *, within: float) -> None:
        """Return once *uid* is gone. Raises `TimeoutError`."""
        async with asyncio.timeout(within), self._news:
            await self._news.wait_for(lambda: self.gone(uid))


@asynccontextmanager
async def watching(instances: Instances) -> AsyncIterator[Sightings]:
    """Watch *instances* until the block ends."""
    sightings = Sightings()
    watch = asyncio.create_task(sightings.watch(instances))
    try:
        yield sightings
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


def version(instance: ComputeInstance) -> int:
    return int(instance.metadata.resource_version)
