"""What eda-dispatcher does with a message."""

from dataclasses import dataclass
from typing import assert_never

import structlog
from msgspec.structs import replace

from cloudkit.contracts.errors import Conflict
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.intents import (
    Cancel,
    Confirm,
    Deprovision,
    Follow,
    Intent,
    Provision,
    Reconcile,
)
from cloudkit.contracts.jobs import Provider
from cloudkit.contracts.subjects import Addressee
from cloudkit.lifecycle.claims import lacks, succeeding
from cloudkit.runtime.answers import DONE, Answer, Later, Never, Received
from cloudkit.runtime.confirming import confirm
from cloudkit.runtime.log_lines import names
from cloudkit.runtime.ports import Clock, Intents, JobLog
from eda_dispatcher.dispatching import INTENT_IS_GOOD_FOR, Dispatching

log = structlog.get_logger(__name__)

CONFLICT_AGAIN_AFTER = 0.5


@dataclass(frozen=True)
class Handlers:
    """One method for every kind of message. ``orphaned_after``: seconds after which a claim whose webhook
    nobody accounts for has lost its sender."""

    log: JobLog
    intents: Intents
    clock: Clock
    dispatching: Dispatching
    orphaned_after: float

    async def intent(self, message: Received[Intent]) -> Answer:
        """Carry out what the watcher asks for."""
        intent = message.body
        if message.age > INTENT_IS_GOOD_FOR:
            log.info("intent is too old", age=round(message.age), **names(intent.instance))
            await self.intents.publish(Addressee.STATUS, Reconcile(instance=intent.instance))
            return DONE
        match intent:
            case Provision() | Deprovision():
                asked_at = self.clock.monotonic() - message.age
                return await self.dispatching.dispatch(intent, asked_at=asked_at)
            case Confirm():
                return await confirm(intent, self.log, self.intents, self.clock)
            case Follow():
                return await self._follow(intent)
            case Cancel() | Reconcile():
                return Never(f"{type(intent).__name__} is not for EDA")
        assert_never(intent)

    async def claim(self, message: Received[JobEvent]) -> Answer:
        """Resolve a claim that nobody else has resolved in time."""
        if message.body.job.provider is not Provider.EDA:
            return DONE
        if message.age < self.orphaned_after:
            return Later(self.orphaned_after - message.age, "its webhook may be under way")
        return await self.dispatching.recover(message.body)

    async def _follow(self, intent: Follow) -> Answer:
        """The resource shows a job whose playbook may run: make sure that the log knows it, too."""
        at, shown = await self.log.position(intent.instance), intent.newest
        if shown is None or shown.provider is not Provider.EDA:
            return DONE
        if shown.job_id and lacks(at.of_uid, shown):
            job = replace(succeeding(shown, self.clock.now()), timestamp=shown.timestamp)
            event = JobEvent(event=JobEventName.ADOPTED, instance=intent.instance, job=job)
            try:
                await self.log.append(event, at)
            except Conflict as conflict:
                return Later(CONFLICT_AGAIN_AFTER, conflict.message)
        elif at.of_uid is None or at.of_uid.closed or at.of_uid.job.revision != shown.revision:
            await self.intents.publish(Addressee.STATUS, Reconcile(instance=intent.instance))
        return DONE
