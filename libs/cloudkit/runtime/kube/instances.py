"""ComputeInstances, one at a time: the real `cloudkit.runtime.ports.Instances`."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from cloudkit.contracts.errors import Conflict, NotFound, Refused, Unanswered
from cloudkit.contracts.instance import API_VERSION, GROUP, PLURAL, ComputeInstance, read_instance
from cloudkit.runtime.kube.client import JSON_PATCH, MERGE_PATCH, KubeClient, Request
from cloudkit.runtime.kube.refusals import NO_SUCH_RESOURCE, SYSTEM

CRD_MISSING = f"CRD {PLURAL}.{GROUP} is not installed: kubectl apply -f deploy/crd"
UNPROCESSABLE = 422


def collection_path(namespace: str = "") -> str:
    """Where the instances of *namespace* are, or those of all of them."""
    within = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"/apis/{API_VERSION}{within}/{PLURAL}"


class KubeInstances:
    """Reads and writes through the API server."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def get(self, namespace: str, name: str) -> ComputeInstance | None:
        """The resource, or None if there is none.

        Raises `Unreachable`, `Unanswered`, a `Refused`, or `Malformed`.
        """
        try:
            return read_instance(await self._client.request(Request(path=_path(namespace, name))))
        except NotFound as error:
            _must_be_about_an_instance(error)
            return None

    async def patch_status(self, instance: ComputeInstance, status: dict[str, Any]) -> ComputeInstance:
        """Merge *status* into the resource's status. See the port for what it raises."""
        unchanged = {"uid": instance.metadata.uid, "resourceVersion": instance.metadata.resource_version}
        body = {"metadata": unchanged, "status": status}
        return await self._patch(instance, body, MERGE_PATCH, subresource="/status")

    async def set_finalizers(self, instance: ComputeInstance, finalizers: Sequence[str]) -> None:
        """Replace the finalizers. See the port for what it raises."""
        metadata = instance.metadata
        body = [
            {"op": "test", "path": "/metadata/uid", "value": metadata.uid},
            {"op": "test", "path": "/metadata/resourceVersion", "value": metadata.resource_version},
            {"op": "add", "path": "/metadata/finalizers", "value": list(finalizers)},
        ]
        await self._patch(instance, body, JSON_PATCH)

    async def _patch(
        self, instance: ComputeInstance, body: object, content_type: str, *, subresource: str = ""
    ) -> ComputeInstance:
        metadata = instance.metadata
        path = _path(metadata.namespace, metadata.name) + subresource
        request = Request(method="PATCH", path=path, body=body, content_type=content_type)
        try:
            answer = await self._client.request(request)
        except NotFound as error:
            _must_be_about_an_instance(error)
            raise
        except Refused as error:
            if error.status == UNPROCESSABLE:
                await self._must_be_unchanged(instance)
            raise
        return read_instance(answer)

    async def _must_be_unchanged(self, instance: ComputeInstance) -> None:
        """Tell a failed ``test`` from a value that is refused, for the server calls both Invalid.

        Raises `Conflict` or `NotFound` if the resource is no longer as *instance*.
        """
        ref = instance.ref
        live = await self.get(ref.namespace, ref.name)
        if live is None:
            raise NotFound(f"{ref} is gone", system=SYSTEM, status=404)
        if _identity(live) != _identity(instance):
            raise Conflict(f"{ref} changed since it was read", system=SYSTEM, status=UNPROCESSABLE)


def _identity(instance: ComputeInstance) -> tuple[str, str]:
    return instance.metadata.uid, instance.metadata.resource_version


def _path(namespace: str, name: str) -> str:
    return f"{collection_path(namespace)}/{quote(name, safe='')}"


def _must_be_about_an_instance(error: NotFound) -> None:
    """A server that does not know the kind, as one that is just starting, knows nothing of instances:
    whoever took its 404 for "gone" would report machines as orphans. Raises `Unanswered`."""
    if error.reason == NO_SUCH_RESOURCE:
        raise Unanswered(CRD_MISSING, system=SYSTEM) from error
