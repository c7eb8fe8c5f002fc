"""The same suite for the Lease in memory, and for one on an API server.

With TEST_KUBECONFIG in the environment the server is that of the file's current context.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from cloudkit.runtime.kube import KubeClient, connect_kube
from cloudkit.runtime.kube.client import Request
from cloudkit.runtime.kube.leases import KubeLease, LeaseName
from cloudkit.runtime.lease import Lease
from cloudkit.runtime.testing.lease import MemoryLease
from contract.kubernetes.stand_in import running_stand_in

NAMESPACE = "default"


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if real := os.environ.get("TEST_KUBECONFIG"):
        yield Path(real)
        return
    with running_stand_in(tmp_path_factory.mktemp("kube-for-leases")) as stand_in:
        yield stand_in.kubeconfig


@pytest.fixture(scope="session")
async def client(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    async with connect_kube({"KUBECONFIG": str(kubeconfig)}) as client:
        yield client


@pytest.fixture
async def name(client: KubeClient) -> AsyncIterator[LeaseName]:
    """That of a Lease which is not there yet."""
    name = LeaseName(NAMESPACE, f"writer-{uuid4().hex[:8]}")
    yield name
    if await KubeLease(client, name).read() is not None:
        await client.request(Request(method="DELETE", path=path_of(name)))


@pytest.fixture
def on_server(client: KubeClient, name: LeaseName) -> KubeLease:
    return KubeLease(client, name)


@pytest.fixture(params=["in memory", "on server"])
def lease(request: pytest.FixtureRequest) -> Lease:
    if request.param == "in memory":
        return MemoryLease()
    found: KubeLease = request.getfixturevalue("on_server")
    return found


def path_of(name: LeaseName) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{name.namespace}/leases/{name.name}"
