"""The custom resource that the suite works with, defined in crd.yaml, and shortcuts to it."""

from pathlib import Path
from typing import Any

import yaml

from contract.kubernetes.client import Client

GROUP = "conformance.cloudkit.openshift.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "Specimen"
PLURAL = "specimens"
COLLECTION = f"/apis/{API_VERSION}/{PLURAL}"

CRD: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "crd.yaml").read_text())


class Specimens:
    """The specimens of one namespace."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self.path = f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}"

    def at(self, name: str, subresource: str = "") -> str:
        return f"{self.path}/{name}/{subresource}".rstrip("/")

    def manifest(self, name: str, spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": name, "namespace": self.namespace, **metadata},
            "spec": {"size": "small"} if spec is None else spec,
        }

    async def create(self, name: str, spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
        answer = await self.client.post(self.path, self.manifest(name, spec, **metadata))
        created: dict[str, Any] = answer.expect(201)
        return created

    async def read(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.client.get(self.at(name))).expect(200)
        return found

    async def patch(self, name: str, body: Any, subresource: str = "") -> dict[str, Any]:
        patched: dict[str, Any] = (await self.client.patch(self.at(name, subresource), body)).expect(200)
        return patched

    async def names(self, **query: str) -> list[str]:
        return [item["metadata"]["name"] for item in (await self.list(**query))["items"]]

    async def resource_version(self) -> str:
        """The point in history to watch from: everything up to now is behind it."""
        version: str = (await self.list())["metadata"]["resourceVersion"]
        return version

    async def list(self, **query: str) -> dict[str, Any]:
        listed: dict[str, Any] = (await self.client.get(self.path, **query)).expect(200)
        return listed


def condition(kind: str, status: str) -> dict[str, str]:
    return {"type": kind, "status": status}
