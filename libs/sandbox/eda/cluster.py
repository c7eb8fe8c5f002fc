"""ComputeInstances as playbooks treat them: by name, whatever life of it they meet."""

from collections.abc import Callable
from typing import Any

import httpx

from cloudkit.contracts.instance import PLAYBOOK_FINALIZERS, RECONCILED_ANNOTATION
from sandbox.instances import Instances

FINALIZER = PLAYBOOK_FINALIZERS[0]
"""Theirs."""
AGAIN = httpx.codes.CONFLICT
GONE = (httpx.codes.NOT_FOUND, httpx.codes.UNPROCESSABLE_ENTITY)
"""It does not exist, or is being deleted and takes no new finalizer."""

Finalizers = tuple[str, ...]


class Cluster:
    """Every call raises `httpx.HTTPError` when Kubernetes is away, or refuses for an unexpected reason."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def hold(self, namespace: str, name: str, *, replacing: bool) -> bool:
        """Put the playbooks' finalizer on the instance, in place of all others if *replacing*. Whether
        that was possible."""

        def with_ours(there: Finalizers) -> Finalizers:
            return (FINALIZER,) if replacing else tuple(dict.fromkeys((*there, FINALIZER)))

        return await self._change_finalizers(namespace, name, with_ours)

    async def let_go(self, namespace: str, name: str) -> bool:
        """Take it off. Whether there was an instance."""

        def without_ours(there: Finalizers) -> Finalizers:
            return tuple(one for one in there if one != FINALIZER)

        return await self._change_finalizers(namespace, name, without_ours)

    async def report(self, namespace: str, name: str, version: str) -> bool:
        """Write on the instance that *version* is reconciled. Whether there was an instance."""
        change = {"metadata": {"annotations": {RECONCILED_ANNOTATION: version}}}
        return await self._patched(namespace, name, change)

    async def _change_finalizers(
        self, namespace: str, name: str, change: Callable[[Finalizers], Finalizers]
    ) -> bool:
        while True:
            instance = await Instances(self._http, namespace).get(name)
            if instance is None:
                return False
            metadata = instance.metadata
            wanted = {
                "finalizers": list(change(metadata.finalizers)),
                "resourceVersion": metadata.resource_version,
            }
            try:
                return await self._patched(namespace, name, {"metadata": wanted})
            except httpx.HTTPStatusError as error:
                if error.response.status_code != AGAIN:
                    raise

    async def _patched(self, namespace: str, name: str, change: dict[str, Any]) -> bool:
        try:
            await Instances(self._http, namespace).patch(name, change)
        except httpx.HTTPStatusError as error:
            if error.response.status_code not in GONE:
                raise
            return False
        return True
