"""ComputeInstances as playbooks treat them: by name, whatever life of it they meet.

Every call raises what `KubeClient` raises when Kubernetes is away, or refuses for an unexpected reason.
"""

from collections.abc import Callable
from typing import TypeAlias

from cloudkit.contracts.errors import Conflict, NotFound, Refused
from cloudkit.contracts.instance import PLAYBOOK_FINALIZERS, RECONCILED_ANNOTATION
from cloudkit.runtime.kube import KubeClient, KubeInstances
from cloudkit.runtime.kube.client import MERGE_PATCH, Request
from cloudkit.runtime.kube.instances import UNPROCESSABLE, collection_path

FINALIZER = PLAYBOOK_FINALIZERS[0]
"""Theirs."""

Finalizers: TypeAlias = tuple[str, ...]


class Cluster:
    """What playbooks write to Kubernetes."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._instances = KubeInstances(client)

    async def hold(self, namespace: str, name: str, *, replacing: bool) -> bool:
        """Put the playbooks' finalizer on the instance, in place of all others if *replacing*. Whether
        that was possible: one that is gone, or being deleted, takes none."""

        def with_theirs(there: Finalizers) -> Finalizers:
            return (FINALIZER,) if replacing else tuple(dict.fromkeys((*there, FINALIZER)))

        return await self._change_finalizers(namespace, name, with_theirs)

    async def let_go(self, namespace: str, name: str) -> None:
        """Take it off."""

        def without_theirs(there: Finalizers) -> Finalizers:
            return tuple(one for one in there if one != FINALIZER)

        await self._change_finalizers(namespace, name, without_theirs)

    async def report(self, namespace: str, name: str, version: str) -> None:
        """Write on the instance, if it is still there, that *version* is reconciled."""
        body = {"metadata": {"annotations": {RECONCILED_ANNOTATION: version}}}
        path = f"{collection_path(namespace)}/{name}"
        request = Request(method="PATCH", path=path, body=body, content_type=MERGE_PATCH)
        try:
            await self._client.request(request)
        except NotFound:
            return

    async def _change_finalizers(
        self, namespace: str, name: str, change: Callable[[Finalizers], Finalizers]
    ) -> bool:
        while True:
            instance = await self._instances.get(namespace, name)
            if instance is None:
                return False
            try:
                await self._instances.set_finalizers(instance, change(instance.metadata.finalizers))
            except Conflict:
                continue  # Somebody was faster: read again.
            except Refused as refused:
                if refused.status not in (404, UNPROCESSABLE):
                    raise
                return False
            return True
