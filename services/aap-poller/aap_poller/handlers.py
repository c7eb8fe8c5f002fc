"""What aap-poller does with an intent."""

from dataclasses import dataclass
from typing import assert_never

import structlog

from aap_poller.following import Following
from aap_poller.launching import INTENT_IS_GOOD_FOR, Launching
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
from cloudkit.runtime.confirming import confirm
from cloudkit.runtime.log_lines import names
from cloudkit.runtime.ports import Clock, Intents

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Handlers:
    """One method for every kind of message that is handled one at a time."""

    intents: Intents
    clock: Clock
    launching: Launching
    following: Following

    async def intent(self, message: Received[Intent]) -> Answer:
        """Carry out what the watcher asks for."""
        intent = message.body
        if message.age > INTENT_IS_GOOD_FOR:
            log.info("intent is too old", age=round(message.age), **names(intent.instance))
            await self.intents.publish(Addressee.STATUS, Reconcile(instance=intent.instance))
            return DONE
        match intent:
            case Provision() | Deprovision():
                return await self.launching.launch(intent, asked_at=self.clock.monotonic() - message.age)
            case Follow():
                return await self.following.follow(intent)
            case Cancel():
                return await self.following.cancel(intent)
            case Confirm():  # Where EDA runs no longer, somebody must write down what became of its jobs.
                return await confirm(intent, self.following.log, self.intents, self.clock)
            case Reconcile():
                return Never("Reconcile is not for AAP")
        assert_never(intent)
