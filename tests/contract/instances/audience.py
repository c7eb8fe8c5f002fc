"""Listens to a feed in the background, so that a test can wait for what it should tell."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from cloudkit.runtime.kube import Changed, Feed, FeedEvent, Gone, Listed

E = TypeVar("E", bound=FeedEvent)

DEADLINE = 20.0


class Audience:
    """Everything that a feed told so far."""

    def __init__(self) -> None:
        self.told: list[FeedEvent] = []
        self._news = asyncio.Event()

    async def listen(self, feed: Feed) -> None:
        async for event in feed.events():
            self.told.append(event)
            self._news.set()

    async def until(self, kind: type[E], matches: Callable[[E], bool] = lambda _: True) -> E:
        """The first event of *kind* that *matches*, told already or within the deadline."""
        async with asyncio.timeout(DEADLINE):
            while True:
                for event in self.told:
                    if isinstance(event, kind) and matches(event):
                        return event
                self._news.clear()
                await self._news.wait()

    async def until_changed(self, name: str) -> Changed:
        return await self.until(Changed, lambda event: event.seen.instance.metadata.name == name)

    async def until_gone(self, name: str) -> Gone:
        return await self.until(Gone, lambda event: event.seen.instance.metadata.name == name)

    async def until_listed(self, *names: str) -> Listed:
        return await self.until(Listed, lambda event: names_in(event) == set(names))

    @property
    def listings(self) -> int:
        """How many lists were told."""
        return sum(isinstance(event, Listed) for event in self.told)


def names_in(listed: Listed) -> set[str]:
    return {one.instance.metadata.name for one in listed.seen}


@asynccontextmanager
async def listening_to(feed: Feed) -> AsyncIterator[Audience]:
    """An audience that listens until the block ends."""
    audience = Audience()
    listener = asyncio.create_task(audience.listen(feed))
    try:
        yield audience
    finally:
        listener.cancel()
        await asyncio.wait({listener})
