"""The clock of this process."""

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """The real `cloudkit.runtime.ports.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
