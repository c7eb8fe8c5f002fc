"""The other way to write the status: for each event one GET, and one PUT of the whole status.

    KUBECONFIG=... python -m benchmarks.one_put_per_event NATS_URL --ready-file FILE

One event at a time for an instance, 32 instances side by side, as the status-writer; what it writes is
the same. Nothing is gathered, and nothing is remembered from one event to the next. A refused PUT begins
with another GET. It listens as a plain subscriber: what is said while it does not run, it never hears.
"""

import argparse
import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace
from nats.aio.msg import Msg

from benchmarks.subscriber import open_subscriber
from cloudkit.contracts.errors import Conflict, NotFound
from cloudkit.contracts.events import JobEvent, JobEventName, read_event
from cloudkit.contracts.instance import FINALIZER, ComputeInstance, InstanceRef, read_instance
from cloudkit.contracts.intents import read_intent
from cloudkit.contracts.subjects import JOB_SUBJECTS, Addressee, intents_for
from cloudkit.lifecycle.decide import Write, decide
from cloudkit.lifecycle.policy import Policy
from cloudkit.lifecycle.project import project
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.kube import KubeClient, connect_kube
from cloudkit.runtime.kube.client import Request
from cloudkit.runtime.kube.instances import collection_path

AT_ONCE = 32
News: TypeAlias = JobEvent | None
"""An event, or None for a `Reconcile`."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("--ready-file", type=Path, required=True)
    asyncio.run(write(parser.parse_args()))


async def write(options: argparse.Namespace) -> None:
    """Write until SIGTERM."""
    async with connect_kube(os.environ) as kube, open_subscriber(options.url) as client:
        queues = Queues(Writer(kube).write)
        await client.subscribe(JOB_SUBJECTS, cb=queues.hear_event)
        await client.subscribe(intents_for(Addressee.STATUS), cb=queues.hear_intent)
        await client.flush()
        options.ready_file.write_text("{}")
        await _told_to_stop()
        await queues.end()


class Queues:
    """One for each instance: its news, one after the other."""

    def __init__(self, write: Callable[[InstanceRef, News], Awaitable[None]]) -> None:
        self._write = write
        self._queues: dict[InstanceRef, asyncio.Queue[News]] = {}
        self._workers: list[asyncio.Task[None]] = []
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def hear_event(self, message: Msg) -> None:
        event = read_event(message.data)
        if event.event is not JobEventName.CLAIMED:  # the status-writer does not hear these either
            self._put(event.instance, event)

    async def hear_intent(self, message: Msg) -> None:
        self._put(read_intent(message.data).instance, None)

    async def end(self) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def _put(self, instance: InstanceRef, news: News) -> None:
        if instance not in self._queues:
            self._queues[instance] = asyncio.Queue()
            self._workers.append(asyncio.create_task(self._work_off(instance)))
        self._queues[instance].put_nowait(news)

    async def _work_off(self, instance: InstanceRef) -> None:
        while True:
            news = await self._queues[instance].get()
            async with self._turns:
                await self._write(instance, news)


class Writer:
    """Says one thing at a time."""

    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube
        self._clock = SystemClock()
        self._policy = Policy()

    async def write(self, ref: InstanceRef, news: News) -> None:
        """Say *news* on the resource of *ref*, however often somebody else is faster."""
        while True:
            try:
                await self._attempt(ref, news)
            except Conflict:
                continue
            except NotFound:
                pass
            return

    async def _attempt(self, ref: InstanceRef, news: News) -> None:
        path = f"{collection_path(ref.namespace)}/{ref.name}"
        data = await self._kube.request(Request(path=path))
        instance, resource = read_instance(data), json.loads(data)
        status = project(instance, () if news is None else (news,), self._clock.now(), self._policy)
        if news is None:
            decided = decide(replace(instance, status=status), self._clock.now(), self._policy)
            if decided.write is not None:
                await self._put(path, resource | _with_finalizers(instance, resource, decided.write))
                return
        await self._put(f"{path}/status", resource | {"status": msgspec.to_builtins(status)})

    async def _put(self, path: str, resource: dict[str, Any]) -> None:
        await self._kube.request(Request(method="PUT", path=path, body=resource))


def _with_finalizers(instance: ComputeInstance, resource: dict[str, Any], write: Write) -> dict[str, Any]:
    others = [name for name in instance.metadata.finalizers if name != FINALIZER]
    finalizers = others if write is Write.RELEASE else [*others, FINALIZER]
    return {"metadata": resource["metadata"] | {"finalizers": finalizers}}


async def _told_to_stop() -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()


if __name__ == "__main__":
    main()
