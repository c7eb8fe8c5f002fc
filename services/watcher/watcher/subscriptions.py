"""What the watcher hears from Kubernetes, and who handles it."""

import asyncio
from contextlib import aclosing, suppress
from typing import assert_never

from cloudkit.runtime.kube import Changed, Feed, FeedEvent, Gone, Listed, Listing
from watcher.handlers import Watcher


async def listen(feed: Feed, watcher: Watcher, *, stopping: asyncio.Event) -> None:
    """Hand every event of *feed* to *watcher*, in their order, until *stopping* is set."""
    listening = asyncio.create_task(_listen(feed, watcher))
    told = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({listening, told}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening


async def _listen(feed: Feed, watcher: Watcher) -> None:
    async with aclosing(feed.events()) as events:
        async for event in events:
            await hear(event, watcher)


async def hear(event: FeedEvent, watcher: Watcher) -> None:
    """The table: from what is seen to its handler."""
    match event:
        case Listing():
            await watcher.before_the_list()
        case Listed(seen):
            watcher.everything_is(tuple(one.instance for one in seen))
        case Changed(seen):
            watcher.saw(seen.instance)
        case Gone(seen):
            watcher.lost(seen.instance.ref, seen.instance)
        case _:
            assert_never(event)
