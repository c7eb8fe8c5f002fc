"""What time it is on the NATS server, by this process's monotonic clock.

The server stamps messages with its own clock. Comparing such a stamp with our wall clock would make
every message look stale, or none, on a host whose clock is wrong; so we compare it with the server's.
"""

from datetime import datetime, timedelta

from cloudkit.runtime.ports import Clock


class ServerClock:
    """The server's time as last heard, carried on by our monotonic clock.

    Off by at most the time that the last answer took.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: datetime | None = None
        self._heard_at = 0.0

    def hear(self, time: datetime) -> None:
        """The server just said that it is *time*."""
        self._heard, self._heard_at = time, self._clock.monotonic()

    def age(self, stamp: datetime) -> float:
        """How many seconds ago the server wrote *stamp*."""
        now = self._clock.now()
        if self._heard is not None:
            now = self._heard + timedelta(seconds=self._clock.monotonic() - self._heard_at)
        return max(0.0, (now - stamp).total_seconds())
