import pytest

from unit.eda_dispatcher.world import Replica, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def replica(world: World) -> Replica:
    return world.replica()
