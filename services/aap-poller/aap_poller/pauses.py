"""When to ask again for what was asked for, or refused, before."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cloudkit.runtime.ports import Clock

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class _Pause:
    since: float
    seconds: float


class Pauses(Generic[K]):
    """A pause per key, of *first* seconds, or longer each time up to *longest*. What a crash makes it
    forget may be done at once. A key that is not paused again for long after its pause is forgotten."""

    def __init__(self, clock: Clock, *, first: float, longest: float) -> None:
        self._clock = clock
        self._first = first
        self._longest = longest
        self._pauses: dict[K, _Pause] = {}

    def __len__(self) -> int:
        return len(self._pauses)

    def pausing(self, key: K) -> bool:
        """Whether the pause of *key* goes on."""
        pause = self._pauses.get(key)
        return pause is not None and self._clock.monotonic() - pause.since < pause.seconds

    def begin(self, key: K) -> None:
        """Pause *key* for the first time, or as if it were."""
        self._put(key, self._first)

    def begin_longer(self, key: K) -> None:
        """Pause *key* for twice as long as the last time."""
        before = self._pauses.get(key)
        self._put(key, self._first if before is None else min(2 * before.seconds, self._longest))

    def end(self, key: K) -> None:
        """Forget *key*."""
        self._pauses.pop(key, None)

    def _put(self, key: K, seconds: float) -> None:
        now = self._clock.monotonic()
        for old in [old for old, it in self._pauses.items() if now - it.since > 2 * self._longest]:
            del self._pauses[old]
        self._pauses[key] = _Pause(now, seconds)
