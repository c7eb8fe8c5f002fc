"""The real feed: list, watch from there, resume, and list again when that is the only way on.

::

    list in pages ──► watch from the list's version ──► 410, 404, long fruitless, or time: list again
                          ▲        │
                          └────────┘ end or error: resume after 0.2 to 30 s from the last version
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from random import Random

import msgspec
import structlog

from cloudkit.contracts.errors import (
    Expired,
    Malformed,
    NotFound,
    ProvisionerError,
    Refused,
    Unanswered,
    Unreachable,
)
from cloudkit.contracts.instance import decode, read_instance
from cloudkit.runtime.health import Health
from cloudkit.runtime.kube.client import KubeClient, Request
from cloudkit.runtime.kube.feed import Changed, FeedEvent, Gone, Listed, Listing, Seen
from cloudkit.runtime.kube.instances import CRD_MISSING, collection_path
from cloudkit.runtime.kube.refusals import told_by_watch
from cloudkit.runtime.metrics import FEED_EVENTS, FEED_LISTS, FEED_TROUBLES, UNREADABLE_INSTANCES
from cloudkit.runtime.ports import Clock

log = structlog.get_logger()

PART = "kubernetes"
PAGE = 500
WATCH_SECONDS = (240, 300)
RELIST_SECONDS = (600.0, 1800.0)
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
FRUITLESS = 5  # watches without a word, after which the version is suspect: list again

ABOUT_INSTANCES = frozenset({"ADDED", "MODIFIED", "DELETED"})
EVENT_TYPES = ABOUT_INSTANCES | {"BOOKMARK"}
TROUBLES = (Unreachable, Unanswered, Refused, Malformed)


class Page(msgspec.Struct, frozen=True):
    """One page of a list, its items not yet decoded."""

    class Metadata(msgspec.Struct, frozen=True, rename="camel"):
        resource_version: str = ""
        continue_: str = msgspec.field(default="", name="continue")

    metadata: Metadata
    items: tuple[msgspec.Raw, ...]


class WatchEvent(msgspec.Struct, frozen=True):
    """One line of a watch, its object not yet decoded."""

    type: str
    object: msgspec.Raw


class Versioned(msgspec.Struct, frozen=True):
    """What every object of a watch has, readable or not."""

    class Metadata(msgspec.Struct, frozen=True, rename="camel"):
        resource_version: str
        name: str = ""
        namespace: str = ""

    metadata: Metadata


class KubeFeed:
    """The `Feed` from the API server, of one *namespace* or of all of them."""

    def __init__(
        self,
        client: KubeClient,
        *,
        health: Health,
        clock: Clock,
        random: Random,
        namespace: str = "",
        relist_seconds: tuple[float, float] = RELIST_SECONDS,
    ) -> None:
        self._client = client
        self._health = health
        self._clock = clock
        self._random = random
        self._path = collection_path(namespace)
        self._relist_seconds = relist_seconds
        self._fruitless = 0
        """Watches in a row that ended before they said anything."""

    async def events(self) -> AsyncGenerator[FeedEvent, None]:
        """See `Feed`."""
        while True:
            yield Listing()
            seen, version = await self._list_until_it_works()
            yield Listed(seen)
            async with aclosing(self._changes_since(version)) as changes:
                async for change in changes:
                    yield change

    async def _list_until_it_works(self) -> tuple[tuple[Seen, ...], str]:
        attempts = 0
        while True:
            try:
                return await self._list()
            except TROUBLES as error:
                attempts += 1
                await self._wait_out(error, attempts)

    async def _list(self) -> tuple[tuple[Seen, ...], str]:
        """Everything there is, and the version to watch from."""
        seen: list[Seen] = []
        query = {"limit": str(PAGE)}
        while True:
            page = decode(await self._client.request(Request(path=self._path, query=query)), Page)
            seen += [one for item in page.items if (one := _seen(item)) is not None]
            if not page.metadata.continue_:
                FEED_LISTS.inc()
                self._health.up(PART)
                return tuple(seen), page.metadata.resource_version
            query["continue"] = page.metadata.continue_

    async def _changes_since(self, version: str) -> AsyncGenerator[FeedEvent, None]:
        """The changes after *version*, until it is time to list again."""
        until = self._clock.monotonic() + self._random.uniform(*self._relist_seconds)
        while self._clock.monotonic() < until:
            trouble: ProvisionerError | None = None
            try:
                async with aclosing(self._watch(version)) as events:
                    async for event in events:
                        self._fruitless = 0
                        version = _version_of(event) or version
                        if (change := _change(event)) is not None:
                            yield change
            except (Expired, NotFound) as error:
                log.info("the watch cannot be resumed, listing again", because=str(error))
                return
            except TROUBLES as error:
                trouble = error
            self._fruitless += 1
            await self._wait_out(trouble, self._fruitless)
            if self._fruitless % FRUITLESS == 0:
                return

    async def _watch(self, version: str) -> AsyncGenerator[WatchEvent, None]:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(self._random.randint(*WATCH_SECONDS)),
        }
        async with self._client.lines(Request(path=self._path, query=query)) as lines:
            self._health.up(PART)
            async for line in lines:
                event = decode(line, WatchEvent)
                if event.type == "ERROR":
                    raise told_by_watch(event.object)
                yield event

    async def _wait_out(self, trouble: ProvisionerError | None, attempts: int) -> None:
        """Wait the longer the more *attempts* have failed, and say why to whoever asks."""
        longest = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** min(attempts, 16))
        pause = self._random.uniform(longest / 2, longest)
        if trouble is not None:
            because = CRD_MISSING if isinstance(trouble, NotFound) else str(trouble)
            FEED_TROUBLES.labels(type(trouble).__name__).inc()
            self._health.down(PART, because)
            log.warning("the feed of instances is interrupted", because=because, again_in=round(pause, 1))
        await self._clock.sleep(pause)


def _change(event: WatchEvent) -> Changed | Gone | None:
    FEED_EVENTS.labels(event.type if event.type in EVENT_TYPES else "unknown").inc()
    if event.type not in ABOUT_INSTANCES:
        return None
    seen = _seen(event.object)
    if seen is None:
        return None
    return Gone(seen) if event.type == "DELETED" else Changed(seen)


def _version_of(event: WatchEvent) -> str:
    return decode(event.object, Versioned).metadata.resource_version


def _seen(object: msgspec.Raw) -> Seen | None:
    """The instance in *object*, or None, loudly, if it cannot be read."""
    raw = object.copy()  # lets go of the page or line that it is a part of
    try:
        return Seen(read_instance(raw), raw)
    except Malformed as error:
        UNREADABLE_INSTANCES.inc()
        log.warning("an instance cannot be read", instance=_name_in(raw), because=str(error))
        return None


def _name_in(raw: msgspec.Raw) -> str:
    try:
        metadata = decode(raw, Versioned).metadata
    except Malformed:
        return "?"
    return f"{metadata.namespace}/{metadata.name}"
