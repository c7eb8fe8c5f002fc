"""Resolving claims whose launch nobody saw succeed: look before leaping.

The ``claimed`` events of the log are the to-do list, independent of intents. A claim is done when its
launch, or its delay, stands in the log.
"""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from aap_poller.records import Records
from aap_poller.rows import JobKey, OurJob
from aap_poller.search import Search
from aap_poller.templates import Templates
from cloudkit.contracts.errors import Conflict, ProvisionerError
from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.intents import Reconcile
from cloudkit.contracts.jobs import JobState, Provider
from cloudkit.contracts.subjects import Addressee
from cloudkit.lifecycle.observe import delayed
from cloudkit.runtime.answers import DONE, Answer, Later, Received
from cloudkit.runtime.log_lines import about
from cloudkit.runtime.ports import Clock, Intents, JobLog, Position
from cloudkit.runtime.stopwatches import Stopwatches

log = structlog.get_logger(__name__)

CLOCKS_DIFFER_BY = timedelta(minutes=15)
"""At most: AAP's and ours."""
LAUNCH_LOST = "LaunchLost"
FIRST_LOOK_AFTER = 5.0
"""A launch that goes well needs no look at all; in seconds."""
LOOK_AGAIN_AFTER, LOOK_AGAIN_WITHIN = 5.0, 30.0


class Recovery:
    """Finds out what became of a claim.

    *lost_answer_timeout*: how long (seconds) after this process first saw the claim a launch may still
    appear in AAP.
    """

    def __init__(
        self,
        *,
        log: JobLog,
        intents: Intents,
        clock: Clock,
        records: Records,
        templates: Templates,
        search: Search,
        lost_answer_timeout: float,
    ) -> None:
        self._log = log
        self._intents = intents
        self._clock = clock
        self._records = records
        self._templates = templates
        self._search = search
        self._lost_answer_timeout = lost_answer_timeout
        self._seen: Stopwatches[str] = Stopwatches(clock, forget_after=600.0)
        """Since when this process knows each claim, by claimant."""

    async def recover(self, message: Received[JobEvent]) -> Answer:
        """Resolve the claim in *message*, or come back."""
        claim = message.body
        if claim.job.provider is not Provider.AAP or not _stands(claim, await self._position(claim)):
            self._seen.stop(claim.job.claimant)
            return DONE
        waited = self._seen.elapsed(claim.job.claimant)
        if message.age < FIRST_LOOK_AFTER and waited < FIRST_LOOK_AFTER:
            return Later(FIRST_LOOK_AFTER - waited, "its launch may still be under way")
        return await self.look(claim)

    async def look(self, claim: JobEvent) -> Answer:
        """Look for the job of *claim* in AAP: adopt it, or give it up once it can no longer appear."""
        waited = self._seen.elapsed(claim.job.claimant)
        try:
            found = await self._find(claim)
        except ProvisionerError:
            await self._say_unconfirmed(claim)
            raise
        # Read after the search, which may take longer than a read is good for.
        at = await self._position(claim)
        if not _stands(claim, at):
            return DONE
        fitting = [job for job in found if job.type is claim.job.type]
        if not fitting and waited < self._lost_answer_timeout:
            await self._say_unconfirmed(claim)
            pause = min(max(LOOK_AGAIN_AFTER, waited / 5), self._lost_answer_timeout - waited)
            return Later(min(pause, LOOK_AGAIN_WITHIN), "its launch is not confirmed")
        try:
            await self._resolve(claim, at, fitting)
        except Conflict as conflict:
            return Later(1.0, conflict.message)
        self._seen.stop(claim.job.claimant)
        return DONE

    async def _say_unconfirmed(self, claim: JobEvent) -> None:
        """Let the resource tell of the claim, until it is known what became of it."""
        await self._intents.publish(Addressee.STATUS, Reconcile(instance=claim.instance))

    async def _position(self, claim: JobEvent) -> Position:
        return await self._log.position(claim.instance)

    async def _find(self, claim: JobEvent) -> Sequence[OurJob]:
        """Every job in AAP that runs with the number of *claim*, oldest first."""
        templates = await self._templates_of(claim)
        key = JobKey(claim.instance, claim.job.number)
        return await self._search.find(key, claim.job.timestamp - CLOCKS_DIFFER_BY, templates)

    async def _templates_of(self, claim: JobEvent) -> frozenset[int]:
        """Where to look (empty: everywhere). A job keeps the id of the template that it was launched from,
        or none once that is deleted, whatever template has the name by now."""
        if claim.job.launched_from:
            return frozenset({claim.job.launched_from})
        return await self._templates.ids_of_all(claim.job.template)

    async def _resolve(self, claim: JobEvent, at: Position, found: Sequence[OurJob]) -> None:
        """Adopt the oldest of *found* that was not stopped as a second launch, and stop the others."""
        if not found:
            await self._give_up(claim, at)
            return
        chosen = min(found, key=lambda job: (job.row.state is JobState.CANCELED, job.row.id))
        await self._records.adopt(chosen, at, claim.job)
        for job in found:
            if job is not chosen and job.row.active:
                await self._records.cancel_second_launch(job)

    async def _give_up(self, claim: JobEvent, at: Position) -> None:
        text = f"The launch of job {claim.job.number} never appeared in AAP; it is sent again"
        event = delayed(claim.instance, claim.job, LAUNCH_LOST, text, self._clock.now())
        await self._log.append(event, at)
        log.warning("launch lost", **about(claim.instance, claim.job))


def _stands(claim: JobEvent, at: Position) -> bool:
    """Whether *claim* is still the last word on its instance."""
    return at.of_uid == claim
