"""What a controller and kubectl may rely on, as a suite against any Kubernetes API server.

By default it runs against the stand-in. With TEST_KUBECONFIG in the environment it runs against the
server of that file's current context, whose user must be a cluster administrator. Each run makes its
own namespaces and removes them. The CRD is installed if it is missing, and is then removed as well.
"""

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from contract.kubernetes.client import CRDS, NAMESPACES, Client, open_client
from contract.kubernetes.kubeconfig import Kubeconfig
from contract.kubernetes.specimens import COLLECTION, CRD, Specimens
from contract.kubernetes.stand_in import running_stand_in

REAL_SERVER = os.environ.get("TEST_KUBECONFIG")


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubeconfig]:
    """Access to the server under test."""
    if REAL_SERVER:
        yield Kubeconfig(Path(REAL_SERVER))
        return
    with running_stand_in(tmp_path_factory.mktemp("kube")) as stand_in:
        yield Kubeconfig(stand_in.kubeconfig)


@pytest.fixture(scope="session")
async def admin(kubeconfig: Kubeconfig) -> AsyncIterator[Client]:
    async with open_client(kubeconfig.server, kubeconfig.tls(), kubeconfig.headers()) as client:
        yield client


@pytest.fixture(scope="session")
async def crd(admin: Client) -> AsyncIterator[dict[str, Any]]:
    """The definition of specimens, as the server has it."""
    path = f"{CRDS}/{CRD['metadata']['name']}"
    is_ours = (await admin.post(CRDS, CRD)).status == 201
    await admin.served(COLLECTION)
    yield (await admin.get(path)).expect(200)
    if is_ours:
        (await admin.delete(path)).expect(200)


@pytest.fixture(scope="session")
def client(admin: Client, crd: dict[str, Any]) -> Client:
    """An administrator's client of a server that serves specimens."""
    return admin


@pytest.fixture(scope="session")
async def stranger(kubeconfig: Kubeconfig) -> AsyncIterator[Client]:
    """A client that shows no credentials at all."""
    tls = kubeconfig.tls(with_client_certificate=False)
    async with open_client(kubeconfig.server, tls, {}) as client:
        yield client


@contextlib.asynccontextmanager
async def temporary_namespace(client: Client) -> AsyncIterator[str]:
    name = f"conformance-{token_hex(4)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    (await client.post(NAMESPACES, body)).expect(201)
    yield name
    everything = Specimens(client, name)
    for item in (await everything.list())["items"]:
        if item["metadata"].get("finalizers"):
            await everything.patch(item["metadata"]["name"], {"metadata": {"finalizers": None}})
    await client.delete(f"{NAMESPACES}/{name}")


@pytest.fixture(scope="session")
async def namespace(client: Client) -> AsyncIterator[str]:
    """The namespace of this run."""
    async with temporary_namespace(client) as name:
        yield name


@pytest.fixture
async def empty_namespace(client: Client) -> AsyncIterator[str]:
    """A namespace for one test alone."""
    async with temporary_namespace(client) as name:
        yield name


@pytest.fixture
def specimens(client: Client, namespace: str) -> Specimens:
    """The specimens of this run's namespace. Other tests leave theirs there."""
    return Specimens(client, namespace)


@pytest.fixture
def own_specimens(client: Client, empty_namespace: str) -> Specimens:
    """The specimens of a namespace that this test has for itself."""
    return Specimens(client, empty_namespace)


@pytest.fixture
def name() -> str:
    """An object name that no other test uses."""
    return f"vm-{token_hex(4)}"


@pytest.fixture
def other_name() -> str:
    return f"vm-{token_hex(4)}"


@pytest.fixture
def compact(admin: Client) -> Callable[[], Awaitable[None]]:
    """Makes the server forget all but the present state, as a compaction of etcd does."""
    if REAL_SERVER:
        pytest.skip("the etcd behind a real server is not ours to compact")

    async def compact() -> None:
        (await admin.post("/emulator/compact", None)).expect(200)

    return compact
