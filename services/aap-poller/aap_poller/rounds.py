"""When jobs are polled again: many at once, so that one request asks for a hundred of them.

Jobs are launched at any moment. If each were polled in its own time, a thousand of them would take
hundreds of requests in every interval; so they meet in rounds.

::

    few jobs     |                       |                       |     one round in an interval
    many jobs    |   |   |   |   |   |   |   |   |   |   |   |   |     up to six, so that neither AAP nor
                                                                       we get all of the work at once

Rounds stand at moments of the wall clock, which replicas share. If their clocks differ, requests ask for
fewer jobs each, and nothing else.

An AAP that is too slow for all of that is asked less often: polling takes half of the time at most.
Otherwise jobs that come again would keep new ones from being polled at all.
"""

from cloudkit.runtime.ports import Clock

JOBS_IN_A_ROUND = 100
"""At least, if there is more than one: as many as one request asks for."""
MOST_ROUNDS = 6
"""In an interval."""
BUSY_AT_MOST = 0.5
SOONEST = 1.0
SMOOTHING = 0.1
"""How much one batch counts for the time that a job takes."""


class Rounds:
    """The rounds in which each job is polled every *interval* seconds."""

    def __init__(self, clock: Clock, interval: float) -> None:
        self._clock = clock
        self._interval = interval
        self._seconds_per_job = 0.0

    def took(self, seconds: float, *, jobs: int) -> None:
        """Polling *jobs* jobs together took so many *seconds*."""
        self._seconds_per_job += SMOOTHING * (seconds / max(jobs, JOBS_IN_A_ROUND) - self._seconds_per_job)

    def next(self, *, jobs: int, age: float = 0.0) -> float:
        """Seconds until the round in which a job is polled that was launched or polled *age* seconds ago,
        when there are *jobs* jobs: the round that is nearest to an interval after that."""
        interval = max(self._interval, jobs * self._seconds_per_job / BUSY_AT_MOST)
        pause = interval / min(max(1, jobs // JOBS_IN_A_ROUND), MOST_ROUNDS)
        now = self._clock.now().timestamp()
        return max(SOONEST, round((now + interval - age) / pause) * pause - now)
