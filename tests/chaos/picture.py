"""How instances stand, by uid, from a watch that survives the end of the API server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import httpx

from cloudkit.contracts.instance import ComputeInstance
from sandbox.instances import Instances

LIST_EVERY = 10.0
"""Seconds after which everything is listed anew: a watch may have missed an end."""
AGAIN_AFTER = 0.2

IsSo = Callable[[ComputeInstance | None], bool]
"""Something that is true of an instance, or of its absence."""


class Picture:
    """The latest of each uid."""

    def __init__(self) -> None:
        self._latest: dict[str, ComputeInstance] = {}
        self._news = asyncio.Condition()

    async def until(self, uid: str, is_so: IsSo) -> None:
        """Return once *uid* *is_so*."""
        async with self._news:
            await self._news.wait_for(lambda: is_so(self._latest.get(uid)))

    async def follow(self, instances: Instances) -> None:
        """Keep up with *instances*, until canceled."""
        while True:
            with suppress(httpx.HTTPError, TimeoutError):
                await self._list(instances)
                async with asyncio.timeout(LIST_EVERY):
                    await self._watch(instances)
            await asyncio.sleep(AGAIN_AFTER)

    async def _list(self, instances: Instances) -> None:
        there = await instances.all()
        async with self._news:
            self._latest = {one.metadata.uid: one for one in there}
            self._news.notify_all()

    async def _watch(self, instances: Instances) -> None:
        async for type, instance in instances.events():
            async with self._news:
                self._note(type, instance)
                self._news.notify_all()

    def _note(self, type: str, instance: ComputeInstance) -> None:
        if type == "DELETED":
            self._latest.pop(instance.metadata.uid, None)
        else:
            self._latest[instance.metadata.uid] = instance

    def show(self, instance: ComputeInstance) -> None:
        """Take in *instance*, which somebody was just answered, unless a newer one is known."""
        known = self._latest.get(instance.metadata.uid)
        if known is None or _version(known) < _version(instance):
            self._latest[instance.metadata.uid] = instance


def _version(instance: ComputeInstance) -> int:
    return int(instance.metadata.resource_version)


@asynccontextmanager
async def following(instances: Instances) -> AsyncIterator[Picture]:
    """A picture that is kept up with *instances* until the block ends."""
    picture = Picture()
    task = asyncio.create_task(picture.follow(instances))
    try:
        yield picture
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
