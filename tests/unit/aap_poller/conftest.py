import pytest

from unit.aap_poller.world import Replica, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def replica(world: World) -> Replica:
    return world.replica()
