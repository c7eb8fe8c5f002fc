"""What the suite needs of a cluster: the ports under test, and the hands of a user."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from random import Random
from typing import Any, Protocol, TypeAlias, TypedDict, Unpack
from uuid import uuid4

from cloudkit.contracts.errors import Conflict, NotFound
from cloudkit.contracts.instance import API_VERSION, KIND, ComputeInstance, read_instance
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.health import Health
from cloudkit.runtime.kube import Feed, KubeClient, KubeFeed, KubeInstances
from cloudkit.runtime.kube.client import MERGE_PATCH, Request
from cloudkit.runtime.kube.instances import collection_path
from cloudkit.runtime.ports import Instances
from cloudkit.runtime.testing.kube import MemoryInstances
from simulation.calm import Calm
from simulation.kubernetes import ApiServer, SimulatedKube


class Wanted(TypedDict, total=False):
    """How a user wants an instance to be."""

    spec: Mapping[str, Any]
    annotations: Mapping[str, str]
    finalizers: Sequence[str]


class Edited(TypedDict, total=False):
    """What a user changes; None removes."""

    spec: Mapping[str, Any]
    annotations: Mapping[str, str | None]


class Cluster(Protocol):
    """One namespace of some cluster, for one test."""

    @property
    def namespace(self) -> str: ...

    @property
    def instances(self) -> Instances: ...

    def feed(self) -> Feed: ...

    async def create(self, name: str, **wanted: Unpack[Wanted]) -> ComputeInstance: ...

    async def edit(self, name: str, **edited: Unpack[Edited]) -> ComputeInstance: ...

    async def delete(self, name: str) -> None: ...


class _InMemory:
    """A user's hands in one namespace of what is in memory."""

    def __init__(self, resources: MemoryInstances, namespace: str) -> None:
        self.namespace = namespace
        self._resources = resources

    async def create(self, name: str, **wanted: Unpack[Wanted]) -> ComputeInstance:
        return self._resources.create(self.namespace, name, **wanted)

    async def edit(self, name: str, **edited: Unpack[Edited]) -> ComputeInstance:
        return self._resources.edit(self.namespace, name, **edited)

    async def delete(self, name: str) -> None:
        self._resources.delete(self.namespace, name)


class MemoryCluster(_InMemory):
    """The fake."""

    def __init__(self, resources: MemoryInstances, namespace: str) -> None:
        super().__init__(resources, namespace)
        self.instances = resources

    def feed(self) -> Feed:
        return self.instances.feed(self.namespace)


class SimulatedCluster(_InMemory):
    """The API server of the simulation, without faults, through the real client."""

    def __init__(self, world: Calm, server: ApiServer, namespace: str) -> None:
        super().__init__(server, namespace)
        process = world.process(SystemClock())
        self.client = SimulatedKube(server, world.network, world.loop, world.dice, process)
        self.instances = KubeInstances(self.client)

    def feed(self) -> Feed:
        return _feed(self.client, self.namespace)


class ServerCluster:
    """A fresh namespace of an API server."""

    def __init__(self, client: KubeClient) -> None:
        self.namespace = f"tenant-{uuid4().hex[:8]}"
        self.instances = KubeInstances(client)
        self.client = client
        self._created: set[str] = set()

    async def open(self) -> None:
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        await self.client.request(Request(method="POST", path="/api/v1/namespaces", body=manifest))

    async def close(self) -> None:
        for name in self._created:
            if live := await self.instances.get(self.namespace, name):
                await self.instances.set_finalizers(live, [])
                with contextlib.suppress(NotFound):  # if it was being deleted, that ended it
                    await self.delete(name)
        with contextlib.suppress(Conflict, NotFound):  # if it was being deleted already
            await self.delete_namespace()

    async def delete_namespace(self) -> None:
        await self.client.request(Request(method="DELETE", path=f"/api/v1/namespaces/{self.namespace}"))

    def feed(self) -> Feed:
        return _feed(self.client, self.namespace)

    async def create(self, name: str, **wanted: Unpack[Wanted]) -> ComputeInstance:
        metadata = {
            "name": name,
            "annotations": wanted.get("annotations", {}),
            "finalizers": wanted.get("finalizers", []),
        }
        spec = wanted.get("spec", {})
        body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}
        path = collection_path(self.namespace)
        self._created.add(name)
        return read_instance(await self.client.request(Request(method="POST", path=path, body=body)))

    async def edit(self, name: str, **edited: Unpack[Edited]) -> ComputeInstance:
        metadata = {"annotations": edited.get("annotations", {})}
        body = {"spec": edited.get("spec", {}), "metadata": metadata}
        request = Request(method="PATCH", path=self._path(name), body=body, content_type=MERGE_PATCH)
        return read_instance(await self.client.request(request))

    async def delete(self, name: str) -> None:
        await self.client.request(Request(method="DELETE", path=self._path(name)))

    def _path(self, name: str) -> str:
        return f"{collection_path(self.namespace)}/{name}"


Served: TypeAlias = ServerCluster | SimulatedCluster
"""Whatever is reached through a client."""


@contextlib.asynccontextmanager
async def opened(client: KubeClient) -> AsyncIterator[ServerCluster]:
    """A namespace of the server that *client* reaches, until the block ends."""
    cluster = ServerCluster(client)
    await cluster.open()
    try:
        yield cluster
    finally:
        await cluster.close()


def _feed(client: KubeClient, namespace: str) -> Feed:
    return KubeFeed(client, health=Health(), clock=SystemClock(), random=Random(1), namespace=namespace)
