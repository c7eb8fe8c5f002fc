from collections.abc import AsyncIterator

import pytest

from unit.status_writer.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    async with world.writer.working():
        yield world
