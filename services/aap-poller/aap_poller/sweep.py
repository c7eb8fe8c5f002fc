"""Seeing what happens in AAP within a second: one request tells of every job that was created or has
finished lately, whatever their number. It also shows second launches while they run.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from aap_poller import metrics
from aap_poller.controller import Controller
from aap_poller.presence import Presence, probing
from aap_poller.reading import LONG_AGO
from aap_poller.records import Records
from aap_poller.rows import OurJob, Row, ours
from aap_poller.templates import Templates
from cloudkit.contracts.errors import Conflict, Malformed, Refused, Unanswered, Unreachable
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.jobs import JobState, JobType, Provider
from cloudkit.runtime.health import Health
from cloudkit.runtime.log_lines import names
from cloudkit.runtime.ports import Clock, JobLog, Position

log = structlog.get_logger(__name__)

OVERLAP = timedelta(seconds=15)
"""AAP stamps a job before it commits it, so a job may appear behind one that is newer."""
CLOCKS_DIFFER_BY = timedelta(minutes=15)
"""At most: AAP's and ours. What is further ahead was stamped before AAP's clock was set right."""
TEMPLATES = "aap templates"
AT_ONCE = 32
LONGEST_PAUSE = 30.0


@dataclass
class Sweep:
    """Reads, every ``interval`` seconds, what changed in AAP since the newest time it has seen there."""

    log: JobLog
    aap: Controller
    clock: Clock
    records: Records
    templates: Templates
    presence: Presence
    health: Health
    interval: float
    _swept_at: float = field(init=False)
    _newest: datetime | None = None
    _handled: dict[int, str] = field(default_factory=dict)
    """The status in which each row of the last sweep was dealt with."""

    def __post_init__(self) -> None:
        self._swept_at = self.clock.monotonic()
        metrics.SWEEP_AGE.set_function(lambda: self.clock.monotonic() - self._swept_at)

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweep until *stopping*; AAP's absence slows it down and shows in the health."""
        pause = self.interval
        while not stopping.is_set():
            try:
                await self.once()
            except (Refused, Unreachable, Unanswered) as problem:
                pause = max(min(2 * pause, LONGEST_PAUSE), self.presence.pause_left)
                log.warning("a sweep failed", error=problem.message, next_try_in=pause)
            else:
                pause = self.interval
            await self._rest(pause, stopping)

    async def once(self) -> None:
        """One sweep. Raises what `Controller` and `JobLog` raise."""
        rows = await self._ask()
        metrics.SWEEP_ROWS.inc(len(rows))
        news = [row for row in rows if self._handled.get(row.id) != row.status]
        for some in (news[start : start + AT_ONCE] for start in range(0, len(news), AT_ONCE)):
            dealt_with = await asyncio.gather(*(self._dealt_with(row) for row in some))
            self._handled |= {row.id: row.status for row, done in zip(some, dealt_with, strict=True) if done}
        self._handled = {row.id: self._handled[row.id] for row in rows if row.id in self._handled}
        # No row at all: even the one that gave the newest time is gone, so AAP was purged or restored, and
        # its times may start over.
        self._newest = max(self._moments(rows), default=None)
        self._swept_at = self.clock.monotonic()
        metrics.LAST_SWEEP.set(self.clock.now().timestamp())

    async def _ask(self) -> Sequence[Row]:
        try:
            with probing():
                await self._check_templates()
                templates = await self.templates.ids()
                rows = await self._changed(templates) if templates else ()
        except (Refused, Unreachable, Unanswered) as problem:
            self.presence.missed(problem)
            raise
        self.presence.there()
        return rows

    async def _changed(self, templates: Collection[int]) -> Sequence[Row]:
        """What changed since the newest time that was seen; of an AAP that had nothing to show, since the
        last sweep: jobs may have begun and ended behind the newest one."""
        if self._newest is not None:
            return await self.aap.changed_since(self._newest - OVERLAP, templates)
        rows = await self.aap.changed_since(None, templates)
        newest = max(self._moments(rows), default=None)
        if newest is None:
            return rows
        unseen = timedelta(seconds=self.clock.monotonic() - self._swept_at)
        return await self.aap.changed_since(newest - unseen - OVERLAP, templates)

    async def _check_templates(self) -> None:
        """Say in the health which template cannot be launched; what can be goes on."""
        problems = []
        for type in JobType:
            try:
                await self.templates.find(type)
            except Refused as refused:
                if refused.status:
                    raise  # AAP refused to answer: that is not about a template.
                problems.append(refused.message)
        if problems:
            self.health.down(TEMPLATES, "; ".join(problems))
        else:
            self.health.up(TEMPLATES)

    async def _rest(self, seconds: float, stopping: asyncio.Event) -> None:
        rest = asyncio.ensure_future(self.clock.sleep(seconds))
        told = asyncio.ensure_future(stopping.wait())
        await asyncio.wait({rest, told}, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (rest, told):
            waiting.cancel()

    async def _dealt_with(self, row: Row) -> bool:
        """Whether the log is up to *row*; if not, it is looked at again in the next sweep."""
        job = ours(row)
        if job is None or not job.key.number:
            return True
        try:
            return await self._compare(job, await self.log.position(job.key.instance))
        except Conflict:
            return False
        except (Refused, Malformed) as problem:
            fields = {**names(job.key.instance), "number": job.key.number, "job_id": job.id}
            log.warning("a job could not be dealt with", error=problem.message, **fields)
            return True  # The same again would not help; its next status may.

    async def _compare(self, job: OurJob, at: Position) -> bool:
        last, number = at.of_uid, job.key.number
        if last is None or last.job.number < number:
            return True  # The log was lost; what it lacks is searched for before anything is launched.
        if last.job.number == number and last.event is JobEventName.CLAIMED:
            return last.job.provider is not Provider.AAP  # Its launch is under way, or recovery's to resolve.
        if last.job.number == number and last.event is JobEventName.DELAYED:
            await self.records.adopt(job, at, last.job)  # It was given up too early.
        elif last.job.number == number and last.job.job_id == job.id:
            if last.job.state is JobState.CANCELED and job.row.state is not JobState.CANCELED:
                _went_on(job)
            return (await self.records.observe(last, at, job.row)).closed or job.row.active
        elif job.row.active and await self.records.recorded_id(job.key, at) not in ("", job.id):
            await self.records.cancel_second_launch(job)
        return True

    def _moments(self, rows: Iterable[Row]) -> Iterable[datetime]:
        """Every time that AAP's clock may have shown in *rows*."""
        limit = self.clock.now() + CLOCKS_DIFFER_BY
        for row in rows:
            yield from (one for one in (row.created, row.finished) if one and LONG_AGO < one <= limit)


def _went_on(job: OurJob) -> None:
    """AWX's source: a cancel that a busy node does not answer within seconds ends the job in the database
    alone; when its playbook ends, that replaces the status. Our record stays: the next job, whichever it
    is, brings the machine to where it should be, and the grace before it may have been too short."""
    metrics.WENT_ON.inc()
    fields = {**names(job.key.instance), "number": job.key.number, "job_id": job.id}
    log.warning("a canceled job went on to its end", state=job.row.state, **fields)
