"""What was asked of providers lately, so that nothing is asked twice in a row.

A resource changes often for reasons that have nothing to do with what is asked: somebody labels it, a
condition gets another message. Asking the same again each time would turn every such change into work,
and a provider that answers with a new message into an endless loop.
"""

from dataclasses import dataclass

import msgspec

from cloudkit.contracts.intents import Deprovision, Intent, Provision, Reconcile
from cloudkit.runtime.lanes import Lane


@dataclass(frozen=True)
class _Asking:
    intent: Intent
    until: float


class Asked:
    """The newest intent to a provider in each lane. Times are `Clock.monotonic`."""

    def __init__(self) -> None:
        self._asked: dict[Lane, _Asking] = {}

    def silent_until(self, lane: Lane, intent: Intent, now: float) -> float | None:
        """Until when *intent* is not to be asked again; None if it may be asked. `Reconcile` always may:
        it says that there is something new to be seen."""
        last = self._asked.get(lane)
        if isinstance(intent, Reconcile) or last is None or now >= last.until:
            return None
        return last.until if last.intent == _essence(intent) else None

    def remember(self, lane: Lane, intent: Intent, until: float) -> None:
        """*intent* was published, and need not be again before *until*."""
        if not isinstance(intent, Reconcile):
            self._asked[lane] = _Asking(_essence(intent), until)

    def forget(self, lane: Lane) -> None:
        """Nothing is asked any more."""
        self._asked.pop(lane, None)


def _essence(intent: Intent) -> Intent:
    """What is asked, without the resource, its age and what it says of launches, which change without a
    reason to ask again."""
    if isinstance(intent, Provision | Deprovision):
        return msgspec.structs.replace(intent, resource={}, launch=None, age=0.0)
    return intent
