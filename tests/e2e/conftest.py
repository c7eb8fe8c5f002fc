"""Worlds to test in: one for all tests that break nothing, and others for those that do."""

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from e2e.commands import KUBECTL, Kubectl, run
from e2e.world import StartWorld, World, open_world, plan


@pytest.fixture(scope="session")
async def shared_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with open_world(plan(tmp_path_factory.mktemp("shared"))) as world:
        yield world


@pytest.fixture
async def world(shared_world: World) -> AsyncIterator[World]:
    """The world that tests share; each leaves it as it found it."""
    yield shared_world
    await shared_world.revive()
    await shared_world.finish()


@pytest.fixture
async def start_world(tmp_path: Path) -> AsyncIterator[StartWorld]:
    """Starts worlds of the test's own, made as `e2e.world.plan` is told. They are not finished by
    themselves: whoever wants to know that all is well there calls `World.finish`."""
    numbers = itertools.count(1)
    async with AsyncExitStack() as worlds:

        async def start(**wishes: Any) -> World:
            directory = tmp_path / f"world-{next(numbers)}"
            return await worlds.enter_async_context(open_world(plan(directory, **wishes)))

        yield start


@pytest.fixture
def kubectl(world: World) -> Kubectl:
    """Runs kubectl with the arguments given, and perhaps ``stdin``, on the shared world's cluster."""
    if KUBECTL is None:
        pytest.skip("kubectl is not installed")
    return partial(run, KUBECTL, kubeconfig=world.stack.kubeconfig)
