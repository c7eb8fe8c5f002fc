"""Whether AAP is there: the truth behind the readiness of this process, and a circuit breaker.

The sweep asks AAP something every second anyway, so nobody else has to find out by trying: while AAP is
away no number is claimed, and a thousand waiting launches cost nothing.
"""

from typing import TypeAlias

import structlog

from cloudkit.contracts.errors import Refused, Unanswered, Unauthorized, Unreachable
from cloudkit.runtime.health import Health

log = structlog.get_logger(__name__)

PART = "aap"
PROVIDER_UNREACHABLE = "ProviderUnreachable"

Problem: TypeAlias = Refused | Unreachable | Unanswered
"""What may be wrong with AAP."""


def reason_of(problem: Problem) -> str:
    """One word for a condition."""
    return problem.reason if isinstance(problem, Refused) else PROVIDER_UNREACHABLE


class Presence:
    """What the last request told of AAP. ``trouble`` is why no launch can succeed, or None."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._away = False
        self.trouble: Problem | None = None
        health.down(PART, "not asked yet")

    def there(self) -> None:
        """AAP answers."""
        if self._away:
            log.info("AAP answers again")
        self._away, self.trouble = False, None
        self._health.up(PART)

    def away(self, problem: Problem) -> None:
        """AAP does not answer, or not to us."""
        # A refusal that is not about the token may be about one kind of request alone.
        general = not isinstance(problem, Refused) or isinstance(problem, Unauthorized)
        self._away, self.trouble = True, problem if general else None
        self._health.down(PART, problem.message)
