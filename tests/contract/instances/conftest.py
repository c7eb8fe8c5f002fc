"""The same suite for the fake in memory, and for the client against the API server of the simulation and a
server of its own.

With TEST_KUBECONFIG in the environment the server is that of the file's current context; our CRD
must be installed there.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.kube import KubeClient, connect_kube
from cloudkit.runtime.testing.kube import MemoryInstances
from contract.instances.clusters import Cluster, MemoryCluster, Served, SimulatedCluster, opened
from contract.kubernetes.stand_in import running_stand_in
from simulation.calm import calm
from simulation.kubernetes import ApiServer

Clusters: TypeAlias = tuple[Cluster, Cluster]
"""Two namespaces of one cluster."""


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
def clusters_in_memory() -> Clusters:
    resources = MemoryInstances()
    return MemoryCluster(resources, "tenant"), MemoryCluster(resources, "neighbour")


@pytest.fixture
async def clusters_on_server(client: KubeClient) -> AsyncIterator[Clusters]:
    async with opened(client) as cluster, opened(client) as neighbour:
        yield cluster, neighbour


@pytest.fixture
async def clusters_in_simulation() -> AsyncIterator[Clusters]:
    async with calm() as world:
        server = ApiServer(SystemClock(), lambda *_: None)
        yield SimulatedCluster(world, server, "tenant"), SimulatedCluster(world, server, "neighbour")


@pytest.fixture(params=["in memory", "in simulation", "on server"])
def clusters(request: pytest.FixtureRequest) -> Clusters:
    chosen: Clusters = request.getfixturevalue(f"clusters_{request.param.replace(' ', '_')}")
    return chosen


@pytest.fixture(params=["in simulation", "on server"])
def served(request: pytest.FixtureRequest) -> Served:
    """A namespace of a cluster that is reached through a client."""
    cluster, _ = request.getfixturevalue(f"clusters_{request.param.replace(' ', '_')}")
    assert isinstance(cluster, Served)
    return cluster


@pytest.fixture
def cluster(clusters: Clusters) -> Cluster:
    return clusters[0]


@pytest.fixture
def neighbour(clusters: Clusters) -> Cluster:
    """Another namespace of the same cluster."""
    return clusters[1]
