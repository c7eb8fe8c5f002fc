"""Worlds to test in: one for all tests that break nothing, and others for one test alone."""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

from e2e.kubectl import KUBECTL, Kubectl, run
from e2e.world import StartWorld, World, open_world
from sandbox.stack import SERVICES, Plan

FAST = {
    "CLOUDKIT_AAP_CANCEL_GRACE": "500ms",
    "CLOUDKIT_AAP_STATUS_POLL_INTERVAL": "1s",
    "CLOUDKIT_AAP_SWEEP_INTERVAL": "200ms",
    "CLOUDKIT_RETRY_BASE": "1s",
}
JOBS = ("--job-seconds=0.4", "--pending-seconds=0.1", "--waiting-seconds=0.1", "--cancel-seconds=0.3")


@pytest.fixture(scope="session")
async def shared_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    directory = tmp_path_factory.mktemp("shared")
    async with open_world(Plan(directory=directory, environment=FAST, aap_arguments=JOBS)) as world:
        yield world


@pytest.fixture
async def world(shared_world: World) -> AsyncIterator[World]:
    """The world that tests share; each leaves it as it found it."""
    yield shared_world
    await shared_world.finish()


@pytest.fixture
async def start_world(tmp_path: Path) -> AsyncIterator[StartWorld]:
    """Starts worlds that the test may break, and has to `finish` itself."""
    numbers = itertools.count(1)
    async with AsyncExitStack() as worlds:

        async def start(
            *,
            services: tuple[str, ...] = tuple(SERVICES),
            replicas: Mapping[str, int] | None = None,
            environment: Mapping[str, str] | None = None,
        ) -> World:
            plan = Plan(
                directory=tmp_path / f"world-{next(numbers)}",
                services=services,
                replicas=replicas or {},
                environment={**FAST, **(environment or {})},
                aap_arguments=JOBS,
            )
            return await worlds.enter_async_context(open_world(plan))

        yield start


@pytest.fixture
def kubectl(world: World) -> Kubectl:
    """Runs kubectl with the arguments given, and perhaps ``stdin``, on the shared world's cluster."""
    if KUBECTL is None:
        pytest.skip("kubectl is not installed")
    return partial(run, KUBECTL, kubeconfig=world.stack.kubeconfig)
