"""Whether AAP is there: the truth behind the readiness of this process, and a circuit breaker.

::

                  one failure                three in a row; or a 401
    closed ─────────────────────► doubtful ─────────────────────────► open
      ▲ ▲                            │                                 │
      │ └── any answer of AAP ───────┘                                 │
      └───────────────────────────── a sweep that goes through ────────┘

- *doubtful*: requests go out as before, but no number is claimed until AAP has answered something: a
  launch whose answer is lost costs its instance minutes.
- *open*: nothing is sent but the sweep's own requests; whatever else is asked fails at once. The sweep
  comes every second anyway, every half minute while AAP is away, so it is the one probe, and a thousand
  waiting launches cost nothing. The resources and ``/readyz`` say why.

A failure is a request that could not be sent or got no answer of AAP's: no connection, a time-out, a 5xx,
a redirect. One of them is nothing (a restarted proxy), three with no answer between them are an outage;
readiness and resources do not flap for less. A list that one row may have broken counts once it is known
not to be the row, see `aap_poller.examination`. A 401 is no matter of luck: one is enough.

Beside that, AAP or what stands in front of it may ask for a *pause* (``Retry-After``): until it is over
nothing is sent at all, not even the sweep.

Nothing of it outlives the process: a new one starts closed, and its first requests tell.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

import structlog

from aap_poller import metrics
from cloudkit.contracts.errors import Refused, Unanswered, Unauthorized, Unreachable
from cloudkit.runtime.health import Health
from cloudkit.runtime.ports import Clock

log = structlog.get_logger(__name__)

PART = "aap"
PROVIDER_UNREACHABLE = "ProviderUnreachable"
REDIRECTED = "Redirected"
AN_OUTAGE = 3
"""So many failures in a row; and so many sweeps that got no answer, whatever other requests get."""
LONGEST_PAUSE = 300.0
"""In seconds: whatever AAP asks for, we look again then."""

Problem: TypeAlias = Refused | Unreachable | Unanswered
"""What may be wrong with AAP."""

_probing: ContextVar[bool] = ContextVar("probing", default=False)


class HeldBack(Unreachable):
    """Raised when a request is not sent *because* of what others before it met."""

    def __init__(self, because: Problem) -> None:
        super().__init__(because.message, system="AAP")
        self.because = because


def reason_of(problem: Problem) -> str:
    """One word for a condition."""
    if isinstance(problem, HeldBack):
        return reason_of(problem.because)
    return problem.reason if isinstance(problem, Refused) else PROVIDER_UNREACHABLE


@contextmanager
def probing() -> Iterator[None]:
    """What is asked within finds out whether AAP is back: it is sent through an open circuit."""
    before = _probing.set(True)
    try:
        yield
    finally:
        _probing.reset(before)


class Presence:
    """What the last requests told of AAP. A problem counts once, however many report it."""

    def __init__(self, health: Health, clock: Clock) -> None:
        self._health = health
        self._clock = clock
        self._failures = 0
        self._missed_sweeps = 0
        self._last: Problem | None = None
        self._open_because: Problem | None = None
        self._paused_because: Problem | None = None
        self._paused_until = clock.monotonic()
        self._ready = self._told_away = False
        metrics.AAP_CIRCUIT_OPEN.set(0)
        health.down(PART, "not asked yet")

    @property
    def trouble(self) -> Problem | None:
        """Why no launch can succeed, or None."""
        return self._paused_because if self.pause_left else self._open_because

    @property
    def doubtful(self) -> bool:
        """Whether something failed, and it is not known yet whether that is an outage."""
        return self._failures > 0 and self.trouble is None

    @property
    def pause_left(self) -> float:
        """Seconds until AAP wants to be asked again."""
        return max(0.0, self._paused_until - self._clock.monotonic())

    def admit(self) -> None:
        """Let a request pass. Raises `HeldBack` while none should be sent."""
        because = self.trouble
        if because is not None and (self.pause_left or not _probing.get()):
            raise HeldBack(because)

    def answered(self) -> None:
        """AAP answered a request."""
        self._failures = 0

    def away(self, problem: Problem) -> None:
        """A request met *problem*."""
        if problem is self._last or isinstance(problem, HeldBack):
            return
        self._last = problem
        if problem.retry_after:
            self._pause(problem)
        elif _is_general(problem):
            self._failures += 1
            if self._failures >= AN_OUTAGE or isinstance(problem, Unauthorized):
                self._open(problem)
        else:
            self.answered()

    def there(self) -> None:
        """A sweep went through."""
        if self._told_away:
            log.info("AAP answers again")
        self._failures = self._missed_sweeps = 0
        self._open_because, self._ready, self._told_away = None, True, False
        metrics.AAP_CIRCUIT_OPEN.set(0)
        self._health.up(PART)

    def missed(self, problem: Problem) -> None:
        """A sweep met *problem*."""
        self.away(problem)
        self._missed_sweeps += 1
        if not self._ready or self._missed_sweeps >= AN_OUTAGE:
            self._not_ready(problem)

    def _open(self, problem: Problem) -> None:
        if self._open_because is None:
            log.warning("AAP is away, only sweeps ask for it", error=problem.message)
        self._open_because = problem
        metrics.AAP_CIRCUIT_OPEN.set(1)
        self._not_ready(problem)

    def _pause(self, problem: Problem) -> None:
        seconds = min(problem.retry_after, LONGEST_PAUSE)
        if seconds <= self.pause_left:
            return
        if not self.pause_left:
            log.warning("AAP asks for a pause", error=problem.message, seconds=round(seconds, 1))
        self._paused_because, self._paused_until = problem, self._clock.monotonic() + seconds
        metrics.AAP_PAUSED_UNTIL.set(self._clock.now().timestamp() + seconds)

    def _not_ready(self, problem: Problem) -> None:
        self._ready, self._told_away = False, True
        self._health.down(PART, problem.message)


def _is_general(problem: Problem) -> bool:
    """Whether it tells of AAP as a whole: a refusal is AAP's own word on one request, unless AAP knows
    nobody or sends everybody elsewhere, as it does while its database is migrated (AWX's source)."""
    if not isinstance(problem, Refused):
        return True
    return isinstance(problem, Unauthorized) or problem.reason == REDIRECTED
