"""What to do when the job log is younger than the jobs: it was lost, and AAP knows what it knew.

A launch whose answer was lost may be committed minutes later, so in a log's first minutes nobody
claims at all. Then, before the first claim of an instance that has none in this log, AAP is searched
for jobs of its name.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from aap_poller.controller import Controller
from aap_poller.records import Records
from aap_poller.rows import JobKey, OurJob, found, ours
from aap_poller.templates import Templates
from cloudkit.contracts.errors import Refused
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import JobState
from cloudkit.lifecycle.launches import JOB_LOG_NEW
from cloudkit.runtime.answers import Later
from cloudkit.runtime.ports import JobLog, LogEpoch, Position

log = structlog.get_logger(__name__)

CLOCKS_DIFFER_BY = timedelta(minutes=15)
"""At most: AAP's and that of NATS."""
ADOPTED_AGAIN_AFTER = 1.0


@dataclass
class Survey:
    """The jobs of ours that AAP had when it was asked: of each instance the newest, and the newest that
    had not ended. ``complete``: the log's first minutes were over, nothing can be added."""

    log_created: datetime
    complete: bool
    newest: dict[InstanceRef, OurJob] = field(default_factory=dict)
    unfinished: dict[InstanceRef, OurJob] = field(default_factory=dict)
    of_name: dict[tuple[str, str], set[InstanceRef]] = field(default_factory=dict)

    def add(self, job: OurJob) -> None:
        instance = job.key.instance
        self.of_name.setdefault((instance.namespace, instance.name), set()).add(instance)
        self.newest[instance] = min(job, self.newest.get(instance, job), key=_first)
        if job.row.active:
            self.unfinished[instance] = min(job, self.unfinished.get(instance, job), key=_first)


class LostLog:
    """Looks up in AAP what a lost log no longer says.

    *patience* is how long (seconds) a launch whose answer was lost may still appear in AAP.
    """

    def __init__(
        self, log: JobLog, aap: Controller, records: Records, templates: Templates, patience: float
    ) -> None:
        self._log = log
        self._aap = aap
        self._records = records
        self._templates = templates
        self._patience = patience
        self._survey: Survey | None = None
        self._surveying = asyncio.Lock()
        self._lost: datetime | None = None
        """When the log was made that this process knows to replace a lost one."""

    async def look(self) -> None:
        """Make sure that AAP was surveyed for this log: it may take minutes, and once is enough.

        Raises what `Controller` and `JobLog` raise.
        """
        await self._surveyed(await self._log.epoch())

    async def obstacle(self, at: Position, *, knew_jobs: bool) -> Later | Refused | None:
        """Why nobody may claim for the instance yet, which has no claim in this log; None if somebody may.
        What takes minutes is a `Refused`, for the resource to say.

        Appends the newest job of ours that the log lacks, if there is one. Only the first log of a new
        installation need not wait: AAP has no job older than it, and the resource none that it might show
        (*knew_jobs*).
        """
        epoch = await self._log.epoch()
        survey = await self._surveyed(epoch)
        if await self._adopt(survey, at):
            return Later(ADOPTED_AGAIN_AFTER, "a job was found in AAP that the log did not know")
        if knew_jobs or survey.newest or _waits_for_jobs(at):
            self._lost = epoch.created  # One sign is enough for all, also if AAP forgets the others.
        left = self._patience - epoch.age
        if left <= 0 or self._lost != epoch.created:
            return None
        text = (
            f"The job log is new: for {round(self._patience)} s, launches of before may still arrive in AAP"
        )
        return Refused(text, reason=JOB_LOG_NEW)

    async def _adopt(self, survey: Survey, at: Position) -> bool:
        """First an unfinished job of another uid of the name, then this uid's newest."""
        missing = await self._unfinished_of_others(survey, at) or _newest(survey, at)
        if missing is None:
            return False
        row = await self._aap.job(missing.row.type, missing.id)
        job = found(row, missing.key) or missing  # It was purged since: that it was there still counts.
        at = await self._log.position(at.instance)
        again = await self._unfinished_of_others(survey, at) or _newest(survey, at)
        if again is missing:
            last = at.of_uid
            same = last is not None and JobKey(last.instance, last.job.number) == job.key
            await self._records.adopt(job, at, last.job if last is not None and same else None)
        return True

    async def _unfinished_of_others(self, survey: Survey, at: Position) -> OurJob | None:
        uids = survey.of_name.get((at.instance.namespace, at.instance.name), set())
        for other in sorted(uids - {at.instance}):
            job = survey.unfinished.get(other)
            if job is None:
                continue
            last = (await self._log.position(other)).of_uid
            if last is None or _known(last) < job.key.number:
                return job
        return None

    async def _surveyed(self, epoch: LogEpoch) -> Survey:
        """The survey of this log; made again once the log's first minutes are over."""
        async with self._surveying:
            survey = self._survey
            complete = epoch.age >= self._patience
            if survey is None or survey.log_created != epoch.created or (complete and not survey.complete):
                self._survey = survey = await self._look(epoch, complete=complete)
            return survey

    async def _look(self, epoch: LogEpoch, *, complete: bool) -> Survey:
        """Ask AAP for every job that may be older than the log's first minutes."""
        survey = Survey(epoch.created, complete)
        until = epoch.created + timedelta(seconds=self._patience) + CLOCKS_DIFFER_BY
        async for row in self._aap.created_between(None, until, await self._templates.ids_of_all()):
            job = ours(row)
            if job is not None and (complete or not await self._explained(job.key)):
                survey.add(job)
        log.info(
            "surveyed AAP for jobs older than the job log",
            instances=len(survey.newest),
            log_created=epoch.created,
        )
        return survey

    async def _explained(self, key: JobKey) -> bool:
        """Whether this log has a claim for the job: then it is no older than the log."""
        known = (await self._log.position(key.instance)).of_uid
        return known is not None and known.job.number >= key.number and bool(known.job.claimant)


def _waits_for_jobs(at: Position) -> bool:
    """Whether somebody has written down, for an earlier life of the name, that the log was lost."""
    return at.of_name is not None and at.of_name.job.reason == JOB_LOG_NEW


def _first(job: OurJob) -> tuple[int, bool, int]:
    """The order in which jobs count: the highest number, of several the oldest that was not stopped as a
    second launch."""
    return -job.key.number, job.row.state is JobState.CANCELED, job.row.id


def _newest(survey: Survey, at: Position) -> OurJob | None:
    """This uid's newest job, if the log knows of none as new."""
    job = survey.newest.get(at.instance)
    known = _known(at.of_uid) if at.of_uid is not None else 0
    return job if job is not None and job.key.number > known else None


def _known(last: JobEvent) -> int:
    """The highest number of which *last*, the newest event, knows a job. A delay knows none: it may have
    been written before AAP could be asked."""
    return last.job.number - 1 if last.event is JobEventName.DELAYED else last.job.number
