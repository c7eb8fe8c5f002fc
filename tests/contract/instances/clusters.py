"""What the suite needs of a cluster: the ports under test, and the hands of a user."""

import contextlib
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Protocol
from uuid import uuid4

from cloudkit.contracts.errors import NotFound
from cloudkit.contracts.instance import API_VERSION, KIND, ComputeInstance, read_instance
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.health import Health
from cloudkit.runtime.kube import Feed, KubeClient, KubeFeed, KubeInstances
from cloudkit.runtime.kube.client import MERGE_PATCH, Request
from cloudkit.runtime.kube.instances import collection_path
from cloudkit.runtime.ports import Instances
from cloudkit.runtime.testing.kube import MemoryInstances


class Cluster(Protocol):
    """One namespace of some cluster, for one test."""

    @property
    def namespace(self) -> str: ...

    @property
    def instances(self) -> Instances: ...

    def feed(self) -> Feed: ...

    async def create(
        self,
        name: str,
        *,
        spec: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str] | None = None,
        finalizers: Sequence[str] = (),
    ) -> ComputeInstance: ...

    async def edit(
        self,
        name: str,
        *,
        spec: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str | None] | None = None,
    ) -> ComputeInstance: ...

    async def delete(self, name: str) -> None: ...


class MemoryCluster:
    """The fake."""

    def __init__(self) -> None:
        self.namespace = "tenant"
        self.instances = MemoryInstances()

    def feed(self) -> Feed:
        return self.instances.feed(self.namespace)

    async def create(
        self,
        name: str,
        *,
        spec: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str] | None = None,
        finalizers: Sequence[str] = (),
    ) -> ComputeInstance:
        return self.instances.create(
            self.namespace, name, spec=spec, annotations=annotations, finalizers=finalizers
        )

    async def edit(
        self,
        name: str,
        *,
        spec: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str | None] | None = None,
    ) -> ComputeInstance:
        return self.instances.edit(self.namespace, name, spec=spec, annotations=annotations)

    async def delete(self, name: str) -> None:
        self.instances.delete(self.namespace, name)


class ServerCluster:
    """A fresh namespace of an API server."""

    def __init__(self, client: KubeClient) -> None:
        self.namespace = f"tenant-{uuid4().hex[:8]}"
        self.instances = KubeInstances(client)
        self._client = client
        self._created: set[str] = set()

    async def open(self) -> None:
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        await self._client.request(Request(method="POST", path="/api/v1/namespaces", body=manifest))

    async def close(self) -> None:
        for name in self._created:
            if live := await self.instances.get(self.namespace, name):
                await self.instances.set_finalizers(live, [])
                with contextlib.suppress(NotFound):  # if it was being deleted, that ended it
                    await self.delete(name)
        await self._client.request(Request(method="DELETE", path=f"/api/v1/namespaces/{self.namespace}"))

    def feed(self) -> Feed:
        return KubeFeed(
            self._client, health=Health(), clock=SystemClock(), random=Random(1), namespace=self.namespace
        )

    async def create(
        self,
        name: str,
        *,
        spec: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str] | None = None,
        finalizers: Sequence[str] = (),
    ) -> ComputeInstance:
        metadata = {"name": name, "annotations": annotations or {}, "finalizers": list(finalizers)}
        body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec or {}}
        path = collection_path(self.namespace)
        self._created.add(name)
        return read_instance(await self._client.request(Request(method="POST", path=path, body=body)))

    async def edit(
        self,
        name: str,
        *,
        spec: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str | None] | None = None,
    ) -> ComputeInstance:
        body = {"spec": spec or {}, "metadata": {"annotations": annotations or {}}}
        request = Request(method="PATCH", path=self._path(name), body=body, content_type=MERGE_PATCH)
        return read_instance(await self._client.request(request))

    async def delete(self, name: str) -> None:
        await self._client.request(Request(method="DELETE", path=self._path(name)))

    def _path(self, name: str) -> str:
        return f"{collection_path(self.namespace)}/{name}"
