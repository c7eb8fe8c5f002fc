"""What time it is at AAP, from the ``Date`` of its answers.

Its clock and ours may be minutes apart, so how long ago AAP stamped a job cannot be told by ours. ``Date``
has whole seconds, and every answer narrows down when the second began::

    sent ──────── somewhere in here AAP wrote ``Date`` ──────── received
    AAP's time minus ours is at least Date - received, and less than Date + 1 s - sent

The answers of a few minutes together leave some milliseconds.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf

import httpx

from cloudkit.runtime.http_said import read_date
from cloudkit.runtime.ports import Clock

GOOD_FOR = 300.0
"""Seconds: clocks drift."""
SENT_AT = "cloudkit.sent_at"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Bounds:
    """Between which the difference of the clocks lies, in seconds; ``since`` when (monotonic)."""

    since: float
    low: float = -inf
    high: float = inf

    def narrowed(self, low: float, high: float) -> "_Bounds":
        return _Bounds(self.since, max(self.low, low), min(self.high, high))

    @property
    def known(self) -> bool:
        return -inf < self.low <= self.high < inf


class AapTime:
    """AAP's clock as last heard, carried on by our monotonic one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now = _Bounds(clock.monotonic())
        self._before = self._now

    def listen_to(self, client: httpx.AsyncClient) -> None:
        """Hear what the answers to *client* say of the time."""
        client.event_hooks["request"].append(self._sent)
        client.event_hooks["response"].append(self._received)

    def hear(self, date: datetime, *, sent_at: float) -> None:
        """AAP has just said *date*, in answer to what was sent at *sent_at* (monotonic)."""
        now, said = self._clock.monotonic(), (date - EPOCH).total_seconds()
        low, high = said - now, said + 1 - sent_at
        if now - self._now.since > GOOD_FOR:
            self._before, self._now = self._now, _Bounds(now)
        self._now = self._now.narrowed(low, high)
        if self._now.low > self._now.high:  # Somebody has set a clock.
            self._now = self._before = _Bounds(now, low, high)

    def age(self, stamp: datetime) -> float | None:
        """How many seconds ago AAP wrote *stamp*; None if nobody can tell yet."""
        bounds = self._now.narrowed(self._before.low, self._before.high)
        bounds = bounds if bounds.known else self._now
        if not bounds.known:
            return None
        now = EPOCH + timedelta(seconds=self._clock.monotonic() + (bounds.low + bounds.high) / 2)
        return max(0.0, (now - stamp).total_seconds())

    async def _sent(self, request: httpx.Request) -> None:
        request.extensions[SENT_AT] = self._clock.monotonic()

    async def _received(self, response: httpx.Response) -> None:
        sent_at = response.request.extensions.get(SENT_AT)
        date = read_date(response.headers.get("date", ""))
        if sent_at is not None and date is not None:
            self.hear(date, sent_at=sent_at)
