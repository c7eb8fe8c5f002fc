"""What time it is on the NATS server, by this process's monotonic clock.

The server stamps messages with its own clock. Comparing such a stamp with our wall clock would make
every message look stale, or none, on a host whose clock is wrong; so we compare it with the server's.
"""

from datetime import datetime, timedelta

from cloudkit.runtime.ports import Clock


class ServerClock:
    """The server's time as last heard, carried on by our monotonic clock.

    It is never behind: an answer counts from the moment when it was asked for, for we may have been paused
    before we could hear it. So nothing looks younger than it is; and older by at most as long as the last
    answer took.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: datetime | None = None
        self._heard_at = 0.0

    def ask(self) -> float:
        """A request leaves now: what `hear` has to know of it."""
        return self._clock.monotonic()

    def hear(self, time: datetime, *, sent_at: float) -> None:
        """The server said that it is *time*, in answer to what was sent when `ask` said *sent_at*."""
        self._heard, self._heard_at = time, sent_at

    def age(self, stamp: datetime) -> float:
        """How many seconds ago the server wrote *stamp*."""
        now = self._clock.now()
        if self._heard is not None:
            now = self._heard + timedelta(seconds=self._clock.monotonic() - self._heard_at)
        return max(0.0, (now - stamp).total_seconds())
