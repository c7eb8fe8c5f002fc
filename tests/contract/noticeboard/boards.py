"""What the suite needs: a noticeboard, instances to tell of, and what people see of it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol

import msgspec

from cloudkit.contracts.instance import ComputeInstance, InstanceRef
from cloudkit.contracts.notices import Notice
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.kube import KubeClient, KubeEvents
from cloudkit.runtime.kube.client import Request
from cloudkit.runtime.ports import Noticeboard
from cloudkit.runtime.testing.kube import MemoryInstances
from cloudkit.runtime.testing.noticeboard import MemoryNoticeboard, Recorded
from contract.instances.clusters import ServerCluster

HOLD = "example.com/hold"


class Board(Protocol):
    """One namespace of some cluster, for one test."""

    @property
    def noticeboard(self) -> Noticeboard: ...

    async def create(self, name: str) -> ComputeInstance: ...

    async def replace(self, name: str) -> ComputeInstance:
        """Delete the instance, and create another one of that name."""
        ...

    async def recorded(self) -> list[Recorded]:
        """Every event, in the order of their first times."""
        ...

    async def expire(self) -> None:
        """Make the cluster forget every event."""
        ...

    async def close(self) -> None:
        """Begin to delete the namespace, which something in it holds up."""
        ...


class MemoryBoard:
    """The fake."""

    def __init__(self) -> None:
        self.noticeboard = MemoryNoticeboard()
        self._instances = MemoryInstances()

    async def create(self, name: str) -> ComputeInstance:
        return self._instances.create("tenant", name)

    async def replace(self, name: str) -> ComputeInstance:
        self._instances.delete("tenant", name)
        return await self.create(name)

    async def recorded(self) -> list[Recorded]:
        return list(self.noticeboard.recorded)

    async def expire(self) -> None:
        self.noticeboard.expire()

    async def close(self) -> None:
        self.noticeboard.closed.add("tenant")


class ServerBoard:
    """The client, and a namespace of an API server."""

    def __init__(self, cluster: ServerCluster) -> None:
        self.client = MeddledClient(cluster.client)
        self.noticeboard = KubeEvents(self.client, SystemClock(), service="status-writer")
        self.cluster = cluster
        self._path = f"/apis/events.k8s.io/v1/namespaces/{cluster.namespace}/events"

    async def create(self, name: str) -> ComputeInstance:
        return await self.cluster.create(name)

    async def replace(self, name: str) -> ComputeInstance:
        await self.cluster.delete(name)
        return await self.create(name)

    async def recorded(self) -> list[Recorded]:
        events = [_recorded(event) for event in await self.events()]
        return sorted(events, key=lambda event: event.first)

    async def expire(self) -> None:
        for event in await self.events():
            path = f"{self._path}/{event['metadata']['name']}"
            await self.cluster.client.request(Request(method="DELETE", path=path))

    async def close(self) -> None:
        await self.cluster.create("held", finalizers=[HOLD])
        await self.cluster.delete_namespace()

    async def events(self) -> list[dict[str, Any]]:
        """As the server has them."""
        found: list[dict[str, Any]] = msgspec.json.decode(
            await self.cluster.client.request(Request(path=self._path))
        )["items"]
        return found


class MeddledClient(KubeClient):
    """A client before some of whose requests, by their method, something else happens, once."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self.before: dict[str, Callable[[], Awaitable[None]]] = {}

    async def request(self, request: Request) -> bytes:
        if meddle := self.before.pop(request.method, None):
            await meddle()
        return await self._client.request(request)


def _recorded(event: dict[str, Any]) -> Recorded:
    about = event["regarding"]
    series = event.get("series", {"count": 1, "lastObservedTime": event["eventTime"]})
    return Recorded(
        instance=InstanceRef(about["namespace"], about["name"], about["uid"]),
        notice=msgspec.convert(event, Notice),
        count=series["count"],
        first=datetime.fromisoformat(event["eventTime"]),
        last=datetime.fromisoformat(series["lastObservedTime"]),
    )
