"""The API server in memory, as the real feed and the real client of instances see it: versions,
conflicts, finalizers, and watches that are late, merge changes, miss one, fall silent or expire.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from cloudkit.contracts.errors import Conflict, Expired, NotFound, Refused, Unanswered
from cloudkit.contracts.instance import ComputeInstance
from cloudkit.runtime.kube.client import KubeClient, Request
from cloudkit.runtime.kube.feed import Changed, Gone
from cloudkit.runtime.ports import Clock
from cloudkit.runtime.server_clock import ServerClock
from cloudkit.runtime.testing.kube import MemoryInstances, Resource
from simulation.faults import Dice
from simulation.hosts import Process
from simulation.loop import WORLD, Loop
from simulation.network import Network

T = TypeVar("T")

KUBERNETES = "Kubernetes"
PATIENCE = 30.0
ADDED, MODIFIED, DELETED, BOOKMARK = "ADDED", "MODIFIED", "DELETED", "BOOKMARK"
BOOKMARK_BEFORE_END = 2.0
"""How long before the end of a watch a bookmark is sent, in seconds; those of each minute are left out."""


@dataclass(frozen=True)
class Change:
    """One line of the watch cache."""

    version: int
    type: str
    place: tuple[str, str]
    line: bytes


class ApiServer(MemoryInstances):
    """All instances, and every change since the last compaction. *written* hears of each change."""

    def __init__(self, clock: Clock, written: Callable[[ComputeInstance, bool], None]) -> None:
        super().__init__(clock)
        self._written = written
        self._uids: set[str] = set()
        self.changes: list[Change] = []
        self.compacted = 0
        self.watches: list[Watch] = []
        self.missed: defaultdict[Process, set[tuple[str, str]]] = defaultdict(set)
        """What each watcher knows otherwise than it is, until that changes again, or it lists everything."""

    @property
    def version(self) -> int:
        return self._version

    def time(self) -> datetime:
        """What its clock says."""
        return self._clock.now()

    def now(self, namespace: str, name: str) -> ComputeInstance | None:
        """The instance as it is, without a request."""
        return next(
            (seen.instance for seen in self.all(namespace) if seen.instance.metadata.name == name), None
        )

    def raw(self, namespace: str, name: str) -> Resource:
        return self._existing(namespace, name)

    def listed(self, namespace: str) -> bytes:
        items = [seen.raw for seen in self.all(namespace)]
        return msgspec.json.encode({"metadata": {"resourceVersion": str(self._version)}, "items": items})

    def patch(self, namespace: str, name: str, body: Any, *, status: bool) -> bytes:
        """A merge patch of the status, or a JSON patch of the finalizers, as our client sends them."""
        resource = self._existing(namespace, name)
        is_now = resource["metadata"]["uid"], resource["metadata"]["resourceVersion"]
        if status:
            if is_now != (body["metadata"]["uid"], body["metadata"]["resourceVersion"]):
                raise Conflict("it changed since it was read", system=KUBERNETES, status=409)
            return bytes(self._merge_status(resource, body["status"]).resource)
        if is_now != (body[0]["value"], body[1]["value"]):
            raise Refused("the test failed", system=KUBERNETES, status=422, reason="Invalid")
        return bytes(self._replace_finalizers(resource, body[2]["value"]).resource)

    def write_status(self, namespace: str, name: str, status: Mapping[str, Any]) -> ComputeInstance:
        """Put *status* in the place of the one that is there, whatever that is."""
        return self._replace({**self._existing(namespace, name), "status": dict(status)})

    def write_finalizers(self, namespace: str, name: str, finalizers: Sequence[str]) -> ComputeInstance:
        return self._replace_finalizers(self._existing(namespace, name), finalizers)

    def is_hidden(self, namespace: str, name: str) -> bool:
        """Whether anybody who lives does not see how the instance is."""
        silent = any(watch.silent for watch in self.watches if not watch.process.dead)
        missed = (places for process, places in self.missed.items() if not process.dead)
        return silent or any((namespace, name) in places for places in missed)

    def compact(self) -> None:
        """Forget what was: whoever resumes from before now has to list again."""
        self.compacted = self._version
        for watch in self.watches:
            unheard = {change.place for change in self.changes if change.version > watch.version}
            self.missed[watch.process] |= unheard
        self.changes.clear()

    def _tell(self, event: Changed | Gone) -> None:
        metadata = event.seen.instance.metadata
        new = metadata.uid not in self._uids
        self._uids.add(metadata.uid)
        type = DELETED if isinstance(event, Gone) else ADDED if new else MODIFIED
        line = msgspec.json.encode({"type": type, "object": event.seen.raw})
        place = metadata.namespace, metadata.name
        self.changes.append(Change(self._version, type, place, line))
        self._written(event.seen.instance, isinstance(event, Gone))
        for watch in self.watches:
            watch.hear()


class Watch:
    """An open watch of *process* on *namespace*, or on all of them, that has told all up to ``version``."""

    def __init__(
        self, server: ApiServer, loop: Loop, dice: Dice, process: Process, namespace: str, version: int
    ) -> None:
        self._server = server
        self._loop = loop
        self._dice = dice
        self._namespace = namespace
        self.process = process
        self.version = version
        self.lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.silent = dice.happens(0.02)
        """Its connection is dead, and nobody has noticed."""
        self._flushes = False
        if self.silent:
            dice.history.fault("silent watch", process.host.name, "")

    def hear(self) -> None:
        """Something changed."""
        if not self._flushes and not self.process.dead:
            self._flushes = True
            late = self._dice.happens(0.03)
            delay = self._dice.random.uniform(5, 60) if late else self._dice.latency()
            self._loop.call_later(delay, self._flush, context=WORLD)

    def _flush(self) -> None:
        self._flushes = False
        if self.silent or self.process.dead:
            return
        news = [change for change in self._server.changes if self._concerns(change)]
        merging = self._dice.happens(0.3)
        for index, change in enumerate(news):
            self.version = change.version
            superseded = any(later.place == change.place for later in news[index + 1 :])
            if change.type == MODIFIED and merging and superseded:
                continue
            if self._dice.happens(0.003):
                self._dice.history.fault("change dropped", self.process.host.name, str(change.place))
                self._server.missed[self.process].add(change.place)
                continue
            self._server.missed[self.process].discard(change.place)
            self.lines.put_nowait(change.line)

    def _concerns(self, change: Change) -> bool:
        return change.version > self.version and self._namespace in ("", change.place[0])

    def bookmark(self) -> None:
        """Tell how far it has come."""
        if not self.silent:
            metadata = {"resourceVersion": str(self.version)}
            self.lines.put_nowait(msgspec.json.encode({"type": BOOKMARK, "object": {"metadata": metadata}}))

    def end(self) -> None:
        self.lines.put_nowait(None)


class SimulatedKube(KubeClient):
    """A client of the API server in *process*."""

    def __init__(self, server: ApiServer, network: Network, loop: Loop, dice: Dice, process: Process) -> None:
        self._server = server
        self._network = network
        self._loop = loop
        self._dice = dice
        self._process = process
        self.server_clock = ServerClock(process.host.clock)

    async def request(self, request: Request) -> bytes:
        namespace, name, status = _place(request.path)
        rates = self._dice.rates
        rate = rates.of_writes if request.method == "PATCH" else rates.of_reads
        what = f"{request.method} {namespace}/{name}" if name else "list"

        def deed() -> bytes:
            if not name:
                self._server.missed.pop(self._process, None)
                return self._server.listed(namespace)
            if request.method == "GET":
                return msgspec.json.encode(self._server.raw(namespace, name))
            return self._server.patch(namespace, name, msgspec.to_builtins(request.body), status=status)

        def answer() -> tuple[bytes, datetime]:
            return deed(), self._server.time()

        sent_at = self.server_clock.ask()
        body, now = await self._network.request(
            self._process, KUBERNETES, what, _named(answer, name), rate=rate, patience=PATIENCE
        )
        self.server_clock.hear(now, sent_at=sent_at)
        return body

    @asynccontextmanager
    async def lines(self, request: Request) -> AsyncIterator[AsyncIterator[bytes]]:
        namespace, _, _ = _place(request.path)
        version = int(request.query["resourceVersion"])

        def open() -> Watch:
            if version < self._server.compacted:
                raise Expired("too old resource version", system=KUBERNETES, status=410)
            watch = Watch(self._server, self._loop, self._dice, self._process, namespace, version)
            self._server.watches = [one for one in self._server.watches if not one.process.dead]
            self._server.watches.append(watch)
            watch.hear()
            return watch

        watch = await self._network.request(
            self._process, KUBERNETES, "watch", open, rate=self._dice.rates.of_reads, patience=PATIENCE
        )
        seconds = int(request.query["timeoutSeconds"])
        self._loop.call_later(max(0, seconds - BOOKMARK_BEFORE_END), watch.bookmark, context=WORLD)
        breaks = self._dice.happens(0.2)
        if breaks:
            seconds = self._dice.random.randrange(seconds)
        self._loop.call_later(seconds, watch.end, context=WORLD)
        try:
            yield _until_the_end(watch, breaks=breaks)
        finally:
            if watch in self._server.watches:
                self._server.watches.remove(watch)


async def _until_the_end(watch: Watch, *, breaks: bool) -> AsyncIterator[bytes]:
    while (line := await watch.lines.get()) is not None:
        yield line
    if breaks:
        raise Unanswered("the watch broke", system=KUBERNETES)


def _named(deed: Callable[[], T], name: str) -> Callable[[], T]:
    """*deed*, whose 404 is about an instance."""

    def done() -> T:
        try:
            return deed()
        except NotFound as error:
            raise NotFound(f"{name} not found", system=KUBERNETES, status=404) from error

    return done


def _place(path: str) -> tuple[str, str, bool]:
    """Namespace and name in *path*, empty for all of them, and whether it is the status that is meant."""
    parts = path.removesuffix("/status").split("/")
    if "namespaces" not in parts:
        return "", "", False
    return parts[5], parts[7] if len(parts) > 7 else "", path.endswith("/status")
