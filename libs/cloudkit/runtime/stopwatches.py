"""How long this process has known of each of many things.

Ages are measured here and not taken from anybody's timestamps. What a crash makes it forget starts
anew, which only ever means to wait once more.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

from cloudkit.runtime.ports import Clock

K = TypeVar("K", bound=Hashable)


class Stopwatches(Generic[K]):
    """One stopwatch per key. Those that nobody looked at for *forget_after* seconds are forgotten."""

    def __init__(self, clock: Clock, *, forget_after: float) -> None:
        self._clock = clock
        self._forget_after = forget_after
        self._watches: dict[K, tuple[float, float]] = {}
        self._cleaned = clock.monotonic()

    def __len__(self) -> int:
        return len(self._watches)

    def elapsed(self, key: K) -> float:
        """Seconds since the first look at *key*; 0 at the first."""
        now = self._clock.monotonic()
        self._forget(now)
        started, _ = self._watches.get(key, (now, now))
        self._watches[key] = started, now
        return now - started

    def running(self, key: K) -> bool:
        """Whether anybody has looked at *key* before."""
        self._forget(self._clock.monotonic())
        return key in self._watches

    def stop(self, key: K) -> None:
        """Forget *key*."""
        self._watches.pop(key, None)

    def _forget(self, now: float) -> None:
        if now - self._cleaned < self._forget_after:
            return
        self._cleaned = now
        for key in [key for key, (_, looked) in self._watches.items() if now - looked >= self._forget_after]:
            del self._watches[key]
