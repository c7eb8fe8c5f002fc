"""The same suite for the fake in memory, and for the client against an API server.

With TEST_KUBECONFIG in the environment the server is that of the file's current context; our CRD
must be installed there.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cloudkit.runtime.kube import connect_kube
from contract.instances.clusters import opened
from contract.kubernetes.stand_in import running_stand_in
from contract.noticeboard.boards import Board, MemoryBoard, ServerBoard


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if real := os.environ.get("TEST_KUBECONFIG"):
        yield Path(real)
        return
    with running_stand_in(tmp_path_factory.mktemp("kube-for-notices")) as stand_in:
        yield stand_in.kubeconfig


@pytest.fixture
async def served(kubeconfig: Path) -> AsyncIterator[ServerBoard]:
    async with connect_kube({"KUBECONFIG": str(kubeconfig)}) as client, opened(client) as cluster:
        yield ServerBoard(cluster)


@pytest.fixture(params=["in memory", "on server"])
def board(request: pytest.FixtureRequest) -> Board:
    if request.param == "in memory":
        return MemoryBoard()
    served: ServerBoard = request.getfixturevalue("served")
    return served
