"""Whether EDA takes webhooks: nobody claims a number while the last one was refused a moment ago.

EDA offers nothing to ask, so every so often one webhook finds out; and what is long past, when nobody has
anything to tell it any more, says nothing of today.
"""

from typing import TypeAlias

from cloudkit.contracts.errors import Refused, Unreachable
from cloudkit.runtime.health import Health
from cloudkit.runtime.ports import Clock

PART = "eda"
PROVIDER_UNREACHABLE = "ProviderUnreachable"
OF_ONE_WEBHOOK = frozenset({400, 413, 415, 422})
"""The status of an answer that another webhook need not get."""
TRY_AGAIN_AFTER = 10.0
"""In seconds."""
TOLD_FOR = 180.0
"""How long ``/readyz`` tells of a problem, in seconds: as long as something waits, each replica meets it
again long before."""

Problem: TypeAlias = Refused | Unreachable
"""What may be wrong with EDA."""


def reason_of(problem: Problem) -> str:
    """One word for a condition."""
    return problem.reason if isinstance(problem, Refused) else PROVIDER_UNREACHABLE


class Presence:
    """What the last webhook told of EDA."""

    def __init__(self, health: Health, clock: Clock) -> None:
        self._clock = clock
        self._problem: Problem | None = None
        self._since = 0.0
        health.ask(PART, self._told)

    @property
    def trouble(self) -> Problem | None:
        """Why the next webhook would not succeed either; None when somebody may try."""
        return self._problem_within(TRY_AGAIN_AFTER)

    def there(self) -> None:
        self._problem = None

    def away(self, problem: Problem) -> None:
        """EDA did not take a webhook; unless it found fault with that one alone."""
        if isinstance(problem, Refused) and problem.status in OF_ONE_WEBHOOK:
            return
        self._problem, self._since = problem, self._clock.monotonic()

    def _told(self) -> str:
        problem = self._problem_within(TOLD_FOR)
        return "" if problem is None else problem.message

    def _problem_within(self, seconds: float) -> Problem | None:
        return self._problem if self._clock.monotonic() - self._since < seconds else None
