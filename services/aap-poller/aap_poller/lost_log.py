"""What to do when the job log is younger than the jobs: it was lost, and AAP knows what it knew.

A launch whose answer was lost may be committed minutes later, so in a log's first minutes nobody
claims at all. Then, before the first claim of an instance that has none in this log, AAP is searched
for jobs of its name.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from aap_poller.controller import Controller
from aap_poller.records import Records, found_in_aap
from aap_poller.rows import JobKey, Row, owner
from aap_poller.templates import Templates
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.ports import JobLog, LogEpoch, Position

log = structlog.get_logger(__name__)

CLOCKS_DIFFER_BY = timedelta(minutes=15)
"""At most: AAP's and that of NATS."""


@dataclass(frozen=True)
class Found:
    """A job of ours in AAP."""

    key: JobKey
    type: JobType
    row: Row


@dataclass(frozen=True)
class Survey:
    """The jobs of ours that AAP had when the log was young, by namespace and name."""

    created: datetime
    """Of which log."""
    complete: bool
    """Whether the log's first minutes were over: nothing can be added to what was found."""
    jobs: Mapping[tuple[str, str], Sequence[Found]]


class LostLog:
    """Looks up in AAP what a lost log no longer says.

    *templates* names the template of each type; *patience* is how long (seconds) a launch whose answer
    was lost may still appear in AAP.
    """

    def __init__(
        self,
        log: JobLog,
        aap: Controller,
        records: Records,
        templates: Templates,
        names: Mapping[JobType, str],
        patience: float,
    ) -> None:
        self._log = log
        self._aap = aap
        self._records = records
        self._templates = templates
        self._names = names
        self._patience = patience
        self._survey: Survey | None = None
        self._surveying = asyncio.Lock()

    async def wait(self, epoch: LogEpoch, *, knew_jobs: bool) -> float:
        """Seconds until anybody may claim; 0 when they may now.

        Only the first log of a new installation need not wait: AAP has no job older than it, and the
        resource shows none (*knew_jobs*). Raises what `Controller` raises.
        """
        left = self._patience - epoch.age
        is_first = not knew_jobs and not (await self._surveyed(epoch)).jobs
        return 0.0 if left <= 0 or is_first else left

    async def adopt(self, epoch: LogEpoch, at: Position) -> bool:
        """Append the newest job of ours that the log lacks, and say whether there was one.

        First an unfinished job of another uid of the name, then this uid's highest number.
        """
        survey = await self._surveyed(epoch)
        found = survey.jobs.get((at.instance.namespace, at.instance.name), ())
        missing = await self._unfinished_of_others(found, at) or _highest(found, at)
        if missing is None:
            return False
        record = found_in_aap(missing.key, missing.type, missing.row)
        await self._records.adopt(missing.key.instance, record, at, missing.row)
        return True

    async def _unfinished_of_others(self, found: Sequence[Found], at: Position) -> Found | None:
        for job in found:
            if job.key.instance == at.instance or not job.row.active:
                continue
            known = (await self._log.position(job.key.instance)).of_uid
            if known is None or known.job.number < job.key.number:
                return job
        return None

    async def _surveyed(self, epoch: LogEpoch) -> Survey:
        """The survey of this log; made again once the log's first minutes are over."""
        async with self._surveying:
            survey = self._survey
            complete = epoch.age >= self._patience
            if survey is None or survey.created != epoch.created or (complete and not survey.complete):
                self._survey = survey = await self._look(epoch, complete=complete)
            return survey

    async def _look(self, epoch: LogEpoch, *, complete: bool) -> Survey:
        """Ask AAP for every job that may be older than the log's first minutes."""
        until = epoch.created + timedelta(seconds=self._patience) + CLOCKS_DIFFER_BY
        jobs = defaultdict(list)
        for type, name in self._names.items():
            template = await self._templates.find(name)
            for row in await self._aap.created_between(None, until, {template.id}):
                key = owner(row)
                if key is not None and (complete or not await self._explained(key)):
                    jobs[key.instance.namespace, key.instance.name].append(Found(key, type, row))
        log.info("surveyed AAP for jobs older than the job log", names=len(jobs), log_created=epoch.created)
        return Survey(epoch.created, complete, jobs)

    async def _explained(self, key: JobKey) -> bool:
        """Whether this log has a claim for the job: then it is no older than the log."""
        known = (await self._log.position(key.instance)).of_uid
        return known is not None and known.job.number >= key.number and bool(known.job.claimant)


def _highest(found: Sequence[Found], at: Position) -> Found | None:
    """This uid's job with the highest number, of several the oldest, if the log knows of none as new."""
    known = at.of_uid.job.number if at.of_uid else 0
    own = [job for job in found if job.key.instance == at.instance and job.key.number > known]
    return min(own, key=lambda job: (-job.key.number, job.row.id), default=None)
