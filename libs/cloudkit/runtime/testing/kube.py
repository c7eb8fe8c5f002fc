"""ComputeInstances in memory: the ports `Instances` and `Feed`, and what people do to resources.

It keeps the rules of the API server that our code leans on: versions and uids as preconditions,
``generation`` for the spec alone, finalizers that hold a deletion up, status apart from the rest.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import msgspec

from cloudkit.contracts.errors import Conflict, NotFound, Refused
from cloudkit.contracts.instance import API_VERSION, KIND, ComputeInstance, read_instance
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.kube.feed import Changed, FeedEvent, Gone, Listed, Listing, Seen
from cloudkit.runtime.ports import Clock

Resource = dict[str, Any]


class MemoryInstances:
    """All ComputeInstances there are. `feed` hears of every change."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._resources: dict[tuple[str, str], Resource] = {}
        self._feeds: list[MemoryFeed] = []
        self._version = 0
        self._created = 0

    def feed(self, namespace: str = "") -> "MemoryFeed":
        """A feed of *namespace*, or of all of them."""
        feed = MemoryFeed(self, namespace)
        self._feeds.append(feed)
        return feed

    async def get(self, namespace: str, name: str) -> ComputeInstance | None:
        resource = self._resources.get((namespace, name))
        return None if resource is None else _seen(resource).instance

    async def patch_status(self, instance: ComputeInstance, status: dict[str, Any]) -> ComputeInstance:
        return self._merge_status(self._unchanged(instance), status)

    async def set_finalizers(self, instance: ComputeInstance, finalizers: Sequence[str]) -> None:
        self._replace_finalizers(self._unchanged(instance), finalizers)

    def create(
        self,
        namespace: str,
        name: str,
        *,
        spec: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str] | None = None,
        finalizers: Sequence[str] = (),
    ) -> ComputeInstance:
        """Create an instance, as a user would. Raises `Conflict` if the name is taken."""
        if (namespace, name) in self._resources:
            raise Conflict(f"{namespace}/{name} exists already", status=409, reason="AlreadyExists")
        self._created += 1
        metadata = {
            "name": name,
            "namespace": namespace,
            "uid": f"00000000-0000-4000-8000-{self._created:012}",
            "creationTimestamp": self._now(),
            "generation": 1,
            "annotations": dict(annotations or {}),
            "finalizers": list(finalizers),
        }
        return self._put(
            {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": dict(spec or {})}
        )

    def edit(
        self,
        namespace: str,
        name: str,
        *,
        spec: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str | None] | None = None,
    ) -> ComputeInstance:
        """Merge *spec* and *annotations* into an instance, as a user would; None removes."""
        resource = self._existing(namespace, name)
        edited = _merged(resource, {"spec": spec or {}, "metadata": {"annotations": annotations or {}}})
        if edited["spec"] != resource["spec"]:
            edited["metadata"]["generation"] += 1
        return self._replace(edited)

    def delete(self, namespace: str, name: str) -> None:
        """Delete an instance, as a user would: it stays until its finalizers are gone."""
        resource = self._existing(namespace, name)
        if not resource["metadata"].get("deletionTimestamp"):
            generation = resource["metadata"]["generation"] + 1
            self._replace_metadata(resource, deletionTimestamp=self._now(), generation=generation)

    def restore(self, instance: ComputeInstance) -> ComputeInstance:
        """Put *instance* back as it was, as happens when Kubernetes is restored from a backup."""
        return self._put(msgspec.json.decode(instance.resource))

    def all(self, namespace: str = "") -> tuple[Seen, ...]:
        """Every instance of *namespace*, or of all of them."""
        return tuple(
            _seen(resource) for (within, _), resource in self._resources.items() if namespace in ("", within)
        )

    def _unchanged(self, instance: ComputeInstance) -> Resource:
        resource = self._existing(instance.metadata.namespace, instance.metadata.name)
        expected = (instance.metadata.uid, instance.metadata.resource_version)
        if expected != (resource["metadata"]["uid"], resource["metadata"]["resourceVersion"]):
            raise Conflict(f"{instance.ref} changed since it was read", status=409)
        return resource

    def _existing(self, namespace: str, name: str) -> Resource:
        if (namespace, name) not in self._resources:
            raise NotFound(f"{namespace}/{name} does not exist", status=404)
        return self._resources[namespace, name]

    def _merge_status(self, resource: Resource, status: Mapping[str, Any]) -> ComputeInstance:
        merged = _merged(resource.get("status", {}), msgspec.to_builtins(status))
        return self._replace({**resource, "status": merged})

    def _replace_finalizers(self, resource: Resource, finalizers: Sequence[str]) -> ComputeInstance:
        metadata = resource["metadata"]
        if metadata.get("deletionTimestamp") and set(finalizers) - set(metadata.get("finalizers", ())):
            raise Refused("no finalizers can be added to what is being deleted", status=422, reason="Invalid")
        return self._replace_metadata(resource, finalizers=list(finalizers))

    def _replace_metadata(self, resource: Resource, **fields: object) -> ComputeInstance:
        return self._replace({**resource, "metadata": {**resource["metadata"], **fields}})

    def _replace(self, resource: Resource) -> ComputeInstance:
        """Keep *resource*, unless nothing changed, or nothing holds its deletion up any longer."""
        metadata = resource["metadata"]
        if resource == self._resources[metadata["namespace"], metadata["name"]]:
            return _seen(resource).instance
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            return self._remove(resource)
        return self._put(resource)

    def _put(self, resource: Resource) -> ComputeInstance:
        kept = self._versioned(resource)
        metadata = kept["metadata"]
        self._resources[metadata["namespace"], metadata["name"]] = kept
        seen = _seen(kept)
        self._tell(Changed(seen))
        return seen.instance

    def _remove(self, resource: Resource) -> ComputeInstance:
        """The write that takes the last finalizer off is never stored: the watch shows what was before it."""
        metadata = resource["metadata"]
        before = self._resources.pop((metadata["namespace"], metadata["name"]))
        self._tell(Gone(_seen(self._versioned(before))))
        return _seen({**resource, "metadata": {**metadata, "resourceVersion": str(self._version)}}).instance

    def _versioned(self, resource: Resource) -> Resource:
        self._version += 1
        return {**resource, "metadata": {**resource["metadata"], "resourceVersion": str(self._version)}}

    def _tell(self, event: Changed | Gone) -> None:
        for feed in self._feeds:
            feed.hear(event)

    def _now(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


class MemoryFeed:
    """What `MemoryInstances` tells; it lists again when a test says `list_again`."""

    def __init__(self, instances: MemoryInstances, namespace: str) -> None:
        self._instances = instances
        self._namespace = namespace
        self._told: asyncio.Queue[Changed | Gone | None] = asyncio.Queue()

    async def events(self) -> AsyncGenerator[FeedEvent, None]:
        """See `Feed`."""
        while True:
            yield Listing()
            self._told = asyncio.Queue()
            yield Listed(self._instances.all(self._namespace))
            while (event := await self._told.get()) is not None:
                yield event

    def hear(self, event: Changed | Gone) -> None:
        """Pass *event* on, if it is about the feed's namespace."""
        if self._namespace in ("", event.seen.instance.metadata.namespace):
            self._told.put_nowait(event)

    def list_again(self) -> None:
        """Begin anew with `Listing`, after what was told already."""
        self._told.put_nowait(None)


def _seen(resource: Resource) -> Seen:
    raw = msgspec.Raw(msgspec.json.encode(resource))
    return Seen(read_instance(raw), raw)


def _merged(old: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """*old* with a JSON merge patch (RFC 7396) applied."""
    merged = dict(old)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            before = merged.get(key)
            merged[key] = _merged(before if isinstance(before, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged
