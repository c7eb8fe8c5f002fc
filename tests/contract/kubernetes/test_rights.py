"""An API server with RBAC lets our services do what `deploy/base/rbac.yaml` says, and nothing else.

The manifest is installed under names of this run, and each service's account impersonated in every request
that somebody might think of; writes are dry runs. The stand-in knows no roles: skipped there.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from secrets import token_hex
from typing import Any

import pytest
import yaml

from cloudkit.contracts.instance import API_VERSION, GROUP, KIND, PLURAL
from contract.kubernetes.client import CRDS, JSON, MERGE_PATCH, PATIENCE, Client
from rights import account, granted, manifests
from sandbox.kube import crd_path
from sandbox.kube.accounts import Right
from sandbox.stack import SERVICES
from status_writer.turns import LEASE as STATUS_WRITERS_LEASE

RBAC = "/apis/rbac.authorization.k8s.io/v1"
COLLECTIONS = {
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "ClusterRole": f"{RBAC}/clusterroles",
    "ClusterRoleBinding": f"{RBAC}/clusterrolebindings",
    "Role": f"{RBAC}/namespaces/{{namespace}}/roles",
    "RoleBinding": f"{RBAC}/namespaces/{{namespace}}/rolebindings",
}
EVENTS, COORDINATION = "events.k8s.io", "coordination.k8s.io"
VERSIONS = {GROUP: API_VERSION, EVENTS: f"{EVENTS}/v1", COORDINATION: f"{COORDINATION}/v1"}
NAME = "vm"
NAMES = {"leases": STATUS_WRITERS_LEASE}
"""Of objects that have to have one of their own."""
METHODS = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}
OF_A_COLLECTION = {"list", "watch", "create", "deletecollection"}
KINDS = ((GROUP, PLURAL), (EVENTS, "events"), (COORDINATION, "leases"))
RIGHTS = [
    *(Right(verb, group, name) for group, name in KINDS for verb in METHODS),
    *(Right(verb, GROUP, f"{PLURAL}/status") for verb in ("get", "update", "patch")),
]
GRANTED = granted()


class Cluster:
    """An API server on which our accounts and roles are installed, an instance with an event, and a lease."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._bodies = {
            PLURAL: _instance(namespace),
            "events": _event(namespace),
            "leases": _lease(namespace),
        }
        self._made: list[str] = []

    async def install(self) -> None:
        """Install all of it, and wait until the server has heard of its roles."""
        for manifest in _renamed(self._namespace):
            collection = COLLECTIONS[manifest["kind"]].format(namespace=self._namespace)
            await self._make(collection, manifest)
        for group, resource in KINDS:
            await self._make(self._path(Right("create", group, resource)), self._bodies[resource])
        async with asyncio.timeout(PATIENCE):
            for service, rights in GRANTED.items():
                for right in rights:
                    while await self.refuses(service, right):  # noqa: ASYNC110  # no event tells
                        await asyncio.sleep(0.1)

    async def remove(self) -> None:
        for path in reversed(self._made):
            await self._client.delete(path)

    async def refuses(self, service: str, right: Right) -> bool:
        """Whether the account of *service* is refused what it needs *right* for."""
        method = METHODS[right.verb]
        query = {"timeoutSeconds": "1", "watch": "true"} if right.verb == "watch" else {}
        answer = await self._client.request(
            method,
            self._path(right),
            self._body(right),
            content_type=MERGE_PATCH if method == "PATCH" else JSON,
            headers={"Impersonate-User": account(service, self._namespace)},
            **query if method == "GET" else {"dryRun": "All"},
        )
        # Who may create it is told that it exists, and who may update it that this is no version of it.
        assert answer.status in (200, 201, 403) or right.verb in ("create", "update"), answer
        return answer.status == 403

    def _path(self, right: Right) -> str:
        resource, _, subresource = right.resource.partition("/")
        collection = f"/apis/{VERSIONS[right.group]}/namespaces/{self._namespace}/{resource}"
        if right.verb in OF_A_COLLECTION:
            return collection
        return "/".join(part for part in (collection, NAMES.get(resource, NAME), subresource) if part)

    def _body(self, right: Right) -> dict[str, Any] | None:
        if right.verb == "patch":
            return {"metadata": {"annotations": {"example.com/seen": "yes"}}}
        return self._bodies[right.resource.partition("/")[0]] if right.verb in ("create", "update") else None

    async def _make(self, collection: str, manifest: dict[str, Any]) -> None:
        (await self._client.post(collection, manifest)).expect(201)
        self._made.append(f"{collection}/{manifest['metadata']['name']}")


@pytest.fixture(scope="module")
async def computeinstances(client: Client) -> AsyncIterator[None]:
    """Our CRD, unless it is installed already."""
    crd = yaml.safe_load(crd_path().read_text())
    is_ours = (await client.post(CRDS, crd)).status == 201
    await client.served(f"/apis/{API_VERSION}/{PLURAL}")
    yield
    if is_ours:
        (await client.delete(f"{CRDS}/{crd['metadata']['name']}")).expect(200)


@pytest.fixture(scope="module")
async def cluster(client: Client, namespace: str, computeinstances: None) -> AsyncIterator[Cluster]:
    stranger = await client.get("/api/v1/secrets", headers={"Impersonate-User": "nobody"})
    if (await client.get(f"{RBAC}/clusterroles")).status == 404 or stranger.status != 403:
        pytest.skip("this server has no RBAC")
    cluster = Cluster(client, namespace)
    try:
        await cluster.install()
        yield cluster
    finally:
        await cluster.remove()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_may_do_what_the_manifest_grants_and_nothing_else(
    cluster: Cluster, service: str
) -> None:
    allowed = {right for right in RIGHTS if not await cluster.refuses(service, right)}
    assert sorted(allowed) == sorted(GRANTED[service])


def _renamed(namespace: str) -> Iterator[dict[str, Any]]:
    """The manifest in *namespace*, its roles under names that nobody else uses."""
    suffix = token_hex(4)
    for manifest in manifests():
        if "namespace" in manifest["metadata"]:
            manifest["metadata"]["namespace"] = namespace
        if manifest["kind"] != "ServiceAccount":
            manifest["metadata"]["name"] += f"-{suffix}"
        if manifest["kind"].endswith("Binding"):
            manifest["roleRef"]["name"] += f"-{suffix}"
            for subject in manifest["subjects"]:
                subject["namespace"] = namespace
        yield manifest


def _instance(namespace: str) -> dict[str, Any]:
    metadata = {"name": NAME, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": {"vcpu": 1}}


def _lease(namespace: str) -> dict[str, Any]:
    metadata = {"name": STATUS_WRITERS_LEASE, "namespace": namespace}
    return {"apiVersion": f"{COORDINATION}/v1", "kind": "Lease", "metadata": metadata}


def _event(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{EVENTS}/v1",
        "kind": "Event",
        "metadata": {"name": NAME, "namespace": namespace},
        "regarding": {"apiVersion": API_VERSION, "kind": KIND, "namespace": namespace, "name": NAME},
        "type": "Normal",
        "reason": "Tested",
        "action": "Test",
        "note": "A test was here",
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": f"{GROUP}/test",
        "reportingInstance": "test",
    }
