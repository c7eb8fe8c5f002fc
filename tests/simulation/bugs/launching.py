"""Bugs about launching and stopping a job."""

from collections.abc import Mapping
from typing import Any

import msgspec

from aap_poller.assembly import Poller
from aap_poller.claiming import Claiming
from aap_poller.controller import Controller, Template
from aap_poller.payload import Launchable, extra_vars
from aap_poller.rows import Row
from aap_poller.stopping import Stopping
from cloudkit.contracts.errors import Unanswered
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import JobRecord, JobState
from cloudkit.lifecycle.observe import observed
from cloudkit.runtime.answers import DONE, Answer
from cloudkit.runtime.ports import Position
from simulation.bugs.bug import Bug, Passing, launching, put


class NoClaimAge(Bug):
    """A launch goes out on a claim however old that is."""

    class _Stopped:
        def monotonic(self) -> float:
            return 0.0

    def poller(self, poller: Poller) -> Poller:
        put(launching(poller).claiming, "clock", self._Stopped())
        return poller


class LaunchBeforeClaim(Bug):
    """The job is launched first and written down afterwards."""

    class _Eager(Claiming):
        async def claim(
            self, intent: Launchable, record: JobRecord, template: Template, at: Position
        ) -> Answer:
            row = await self.aap.launch(template, extra_vars(intent))
            record = observed(record, row.observation(), self.clock.now())
            await self.log.append(
                JobEvent(event=JobEventName.LAUNCHED, instance=intent.instance, job=record), at
            )
            return DONE

    def poller(self, poller: Poller) -> Poller:
        right = launching(poller).claiming
        fields = (right.log, right.aap, right.clock, right.records, right.templates, right.recovery)
        put(launching(poller), "claiming", self._Eager(*fields, right.presence))
        return poller


class LaunchSentAgain(Bug):
    """A launch whose answer was lost is sent once more, as clients do that retry whatever failed."""

    class _Insistent(Passing):
        async def launch(self, template: Template, extra_vars: Mapping[str, Any]) -> Row:
            try:
                row: Row = await self.right.launch(template, extra_vars)
            except Unanswered:
                row = await self.right.launch(template, extra_vars)
            return row

    def aap(self, aap: Controller) -> Controller:
        return self._Insistent(aap)


class NoGrace(Bug):
    """The next job starts as soon as AAP calls the last one canceled."""

    environ: Mapping[str, str] = {"CLOUDKIT_AAP_CANCEL_GRACE": "0s"}


class CancelWithoutWaiting(Bug):
    """A job counts as canceled as soon as AAP was asked to cancel it."""

    class _Hasty(Stopping):
        async def stop(self, instance: InstanceRef, record: JobRecord) -> None:
            await super().stop(instance, record)
            at = await self._log.position(instance)
            if at.of_uid is None or at.of_uid.closed or not record.job_id:
                return
            job = at.of_uid.job
            ended = msgspec.structs.replace(job, state=JobState.CANCELED, revision=job.revision + 1)
            await self._log.append(JobEvent(event=JobEventName.CANCELED, instance=instance, job=ended), at)

    def poller(self, poller: Poller) -> Poller:
        right = launching(poller).stopping
        hasty = self._Hasty(right._log, right._aap, right._records, launching(poller).clock)
        put(launching(poller), "stopping", hasty)
        return poller
