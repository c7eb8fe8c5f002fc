"""Stories that are told side by side, because they mostly wait. Each is a test of its own.

::

    @pytest.fixture(scope="module")
    async def told(request: pytest.FixtureRequest) -> AsyncIterator[Told[Story]]:
        async with side_by_side(request, tell) as told:
            yield told

    @pytest.mark.parametrize("story", STORIES)
    async def test_it_is_so(told: Told[Story], story: Story) -> None:
        await told[story]
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import pytest

S = TypeVar("S")

Told: TypeAlias = Mapping[S, asyncio.Task[None]]
"""What became of each story."""


@asynccontextmanager
async def side_by_side(
    request: pytest.FixtureRequest, tell: Callable[[S], Coroutine[Any, Any, None]]
) -> AsyncIterator[Told[S]]:
    """Tell, all at once, the stories that the module's tests are asked for: their parameter ``story``."""
    tests = [item for item in request.session.items if item.path == request.path]
    parameters = [item.callspec.params for item in tests if hasattr(item, "callspec")]
    told = {story: asyncio.create_task(tell(story)) for given in parameters if (story := given.get("story"))}
    try:
        yield told
    finally:
        for task in told.values():
            task.cancel()
        await asyncio.gather(*told.values(), return_exceptions=True)
