import pytest

from unit.watcher.world import World


@pytest.fixture
def world() -> World:
    return World()
