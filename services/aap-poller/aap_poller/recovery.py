"""Resolving claims whose launch nobody saw succeed: look before leaping.

The ``claimed`` events of the log are the to-do list, independent of intents. A claim is done when its
launch, or its delay, stands in the log.
"""

from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from aap_poller.controller import Controller
from aap_poller.records import Records
from aap_poller.rows import JobKey, Row, runs
from aap_poller.templates import Templates
from cloudkit.contracts.errors import Conflict, Refused
from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.intents import Reconcile
from cloudkit.contracts.subjects import Addressee
from cloudkit.lifecycle.observe import delayed
from cloudkit.runtime.answers import DONE, Answer, Later, Received
from cloudkit.runtime.ports import Clock, Intents, JobLog, Position

log = structlog.get_logger(__name__)

CLOCKS_DIFFER_BY = timedelta(minutes=15)
LAUNCH_LOST = "LaunchLost"


@dataclass(frozen=True)
class Recovery:
    """Finds out what became of a claim.

    ``lost_answer_timeout``: how long (seconds) after this process first saw the claim a launch may
    still appear in AAP. ``first_look_after``: a launch that goes well needs no look at all.
    """

    log: JobLog
    intents: Intents
    aap: Controller
    clock: Clock
    records: Records
    templates: Templates
    lost_answer_timeout: float
    first_look_after: float = 15.0
    look_again_after: float = 5.0
    _first_seen: dict[str, float] = field(default_factory=dict)
    """When this process first saw each claim, by claimant. Forgotten in a crash: it waits once more."""

    async def recover(self, message: Received[JobEvent]) -> Answer:
        """Resolve the claim in *message*, or come back."""
        claim = message.body
        if not _stands(claim, await self.log.position(claim.instance)):
            self._first_seen.pop(claim.job.claimant, None)
            return DONE
        waited = self._waited(claim)
        if message.age < self.first_look_after and waited < self.first_look_after:
            return Later(self.first_look_after - waited, "its launch may still be under way")
        return await self.look(claim)

    async def look(self, claim: JobEvent) -> Answer:
        """Look for the job of *claim* in AAP: adopt it, or give it up once it can no longer appear."""
        waited = self._waited(claim)
        at = await self.log.position(claim.instance)
        if not _stands(claim, at):
            return DONE
        rows = await self._search(claim)
        try:
            if rows:
                await self._adopt(claim, at, rows)
            elif waited < self.lost_answer_timeout:
                await self.intents.publish(Addressee.STATUS, Reconcile(instance=claim.instance))
                return Later(self.look_again_after, "its launch is not confirmed")
            else:
                await self._give_up(claim, at)
        except Conflict as conflict:
            return Later(1.0, conflict.message)
        self._first_seen.pop(claim.job.claimant, None)
        return DONE

    def _waited(self, claim: JobEvent) -> float:
        now = self.clock.monotonic()
        return now - self._first_seen.setdefault(claim.job.claimant, now)

    async def _search(self, claim: JobEvent) -> list[Row]:
        """Every job in AAP that runs with the number of *claim*, oldest first."""
        since = claim.job.timestamp - CLOCKS_DIFFER_BY
        rows = await self.aap.created_between(since, None, await self._template_ids(claim))
        key = JobKey(claim.instance, claim.job.number)
        return sorted((row for row in rows if runs(row, key)), key=lambda row: row.id)

    async def _template_ids(self, claim: JobEvent) -> set[int]:
        try:
            return {(await self.templates.find(claim.job.template)).id}
        except Refused:
            return set()  # The template is gone, its jobs may not be: look at those of all templates.

    async def _adopt(self, claim: JobEvent, at: Position, rows: list[Row]) -> None:
        oldest, *younger = rows
        await self.records.adopt(claim.instance, claim.job, at, oldest)
        for row in younger:
            await self.records.cancel_second_launch(JobKey(claim.instance, claim.job.number), row)

    async def _give_up(self, claim: JobEvent, at: Position) -> None:
        text = f"The launch of job {claim.job.number} never appeared in AAP; it is sent again"
        event = delayed(claim.instance, claim.job, LAUNCH_LOST, text, self.clock.now())
        await self.log.append(event, at)
        log.warning(
            "launch lost", instance=str(claim.instance), uid=claim.instance.uid, number=claim.job.number
        )


def _stands(claim: JobEvent, at: Position) -> bool:
    """Whether *claim* is still the last word on its instance."""
    return at.of_uid == claim
