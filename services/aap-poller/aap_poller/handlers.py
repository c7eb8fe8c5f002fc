"""What aap-poller does with an intent."""

from dataclasses import dataclass
from typing import assert_never

import structlog

from aap_poller.following import Following
from aap_poller.launching import Launching
from aap_poller.log_lines import names
from cloudkit.contracts.intents import (
    Cancel,
    Confirm,
    Deprovision,
    Follow,
    Intent,
    Provision,
    Reconcile,
)
from cloudkit.contracts.subjects import Addressee
from cloudkit.runtime.answers import DONE, Answer, Never, Received
from cloudkit.runtime.ports import Clock, Intents

log = structlog.get_logger(__name__)

INTENT_IS_GOOD_FOR = 300.0
"""In seconds: an older intent speaks of a resource that nobody can vouch for."""


@dataclass(frozen=True)
class Handlers:
    """One method for every kind of message that is handled one at a time."""

    intents: Intents
    clock: Clock
    launching: Launching
    following: Following

    async def intent(self, message: Received[Intent]) -> Answer:
        """Carry out what the watcher asks for."""
        intent, good_for = message.body, INTENT_IS_GOOD_FOR - message.age
        if good_for < 0:
            log.info("intent is too old", age=round(message.age), **names(intent.instance))
            await self.intents.publish(Addressee.STATUS, Reconcile(instance=intent.instance))
            return DONE
        match intent:
            case Provision() | Deprovision():
                return await self.launching.launch(intent, good_until=self.clock.monotonic() + good_for)
            case Follow():
                return await self.following.follow(intent)
            case Cancel():
                return await self.following.cancel(intent)
            case Confirm() | Reconcile():
                return Never(f"{type(intent).__name__} is not for AAP")
        assert_never(intent)
