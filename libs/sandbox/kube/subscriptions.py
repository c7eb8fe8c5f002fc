"""What one watcher has not been told yet."""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Subscription(Generic[T]):
    """Gathers news until they are asked for, so that a burst is told at once."""

    def __init__(self) -> None:
        self._news: list[T] = []
        self._stirred = asyncio.Event()
        self.has_ended = False

    def tell(self, news: T) -> None:
        self._news.append(news)
        self._stirred.set()

    def end(self) -> None:
        """There will be no more news."""
        self.has_ended = True
        self._stirred.set()

    async def news(self, seconds: float) -> list[T]:
        """All there is, at once; if there is nothing, what comes within *seconds*, and else nothing."""
        if not (self._news or self.has_ended):
            await self._wait(seconds)
        news, self._news = self._news, []
        self._stirred.clear()
        return news

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError:
            return
