"""The same suite for the fake in memory and for the client against an API server.

With TEST_KUBECONFIG in the environment the server is that of the file's current context; our CRD
must be installed there.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cloudkit.runtime.kube import KubeClient, connect_kube
from contract.instances.clusters import Cluster, MemoryCluster, ServerCluster
from contract.kubernetes.stand_in import running_stand_in


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if real := os.environ.get("TEST_KUBECONFIG"):
        yield Path(real)
        return
    with running_stand_in(tmp_path_factory.mktemp("kube-for-instances")) as stand_in:
        yield stand_in.kubeconfig


@pytest.fixture(scope="session")
async def client(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    async with connect_kube({"KUBECONFIG": str(kubeconfig)}) as client:
        yield client


@pytest.fixture
async def server_cluster(client: KubeClient) -> AsyncIterator[ServerCluster]:
    cluster = ServerCluster(client)
    await cluster.open()
    yield cluster
    await cluster.close()


@pytest.fixture(params=["memory", "server"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    if request.param == "memory":
        return MemoryCluster()
    chosen: ServerCluster = request.getfixturevalue("server_cluster")
    return chosen
