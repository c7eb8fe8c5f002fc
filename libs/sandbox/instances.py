"""ComputeInstances as a user has them: created, looked at, changed and deleted through the Kubernetes API.

Speaks to the stand-in alone: over loopback, with the token and the certificate in its kubeconfig.
"""

import base64
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import yaml

from cloudkit.contracts.instance import API_VERSION, KIND, PLURAL, ComputeInstance, decode, read_instance


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _List(msgspec.Struct, frozen=True):
    items: tuple[ComputeInstance, ...]


class Instances:
    """The ComputeInstances of one namespace. Every call raises `httpx.HTTPError` when it is refused."""

    def __init__(self, http: httpx.AsyncClient, namespace: str) -> None:
        self._http = http
        self._namespace = namespace
        self._url = f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}"

    async def create(
        self,
        name: str,
        /,
        *,
        annotations: Mapping[str, str] | None = None,
        **spec: Any,  # noqa: ANN401  # as in YAML
    ) -> ComputeInstance:
        """Create one; *spec* in the words of the resource: ``vcpu=2, memory=4096``."""
        metadata = {"name": name, "namespace": self._namespace, "annotations": dict(annotations or {})}
        resource = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}
        return read_instance(await self._call("POST", self._url, json=resource))

    async def get(self, name: str) -> ComputeInstance | None:
        """The one of that name, if there is one."""
        try:
            return read_instance(await self._call("GET", f"{self._url}/{name}"))
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.NOT_FOUND:
                raise
            return None

    async def all(self) -> tuple[ComputeInstance, ...]:
        """Those that exist now."""
        return decode(await self._call("GET", self._url), _List).items

    async def changes(self) -> AsyncIterator[ComputeInstance]:
        """Those that exist now, then each as it changes, until the server ends the watch."""
        async for _, instance in self.events():
            yield instance

    async def events(self) -> AsyncIterator[tuple[str, ComputeInstance]]:
        """The same, each with the word of the watch: ``ADDED``, ``MODIFIED`` or ``DELETED``."""
        watch = {"watch": "true", "timeoutSeconds": "3600"}
        async with self._http.stream("GET", self._url, params=watch, timeout=None) as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                event = decode(line.encode(), _Event)
                yield event.type, read_instance(event.object)

    async def patch(self, name: str, change: dict[str, Any]) -> ComputeInstance:
        """Merge *change* into the resource; None removes a field."""
        merge = {"Content-Type": "application/merge-patch+json"}
        body = json.dumps(change)
        return read_instance(await self._call("PATCH", f"{self._url}/{name}", content=body, headers=merge))

    async def delete(self, name: str) -> None:
        """Ask for its deletion; it goes when its last finalizer does."""
        await self._call("DELETE", f"{self._url}/{name}")

    async def _call(self, method: str, url: str, **how: Any) -> bytes:  # noqa: ANN401  # httpx's own arguments
        answer = await self._http.request(method, url, **how)
        answer.raise_for_status()
        return answer.content


@asynccontextmanager
async def open_instances(kubeconfig: Path, namespace: str = "default") -> AsyncIterator[Instances]:
    """The instances of *namespace* in the stand-in that wrote *kubeconfig*."""
    async with http_client(kubeconfig) as http:
        yield Instances(http, namespace)


def http_client(kubeconfig: Path) -> httpx.AsyncClient:
    """Plain HTTP to the stand-in that wrote *kubeconfig*, as its administrator."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return httpx.AsyncClient(
        base_url=cluster["server"],
        headers={"Authorization": f"Bearer {user['token']}"},
        verify=ssl.create_default_context(cadata=authority),
        timeout=10,
        trust_env=False,  # loopback needs no proxy
    )
