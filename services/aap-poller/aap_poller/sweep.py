"""Seeing what happens in AAP within a second: one request tells of every job that was created or has
finished lately, whatever their number. It also shows second launches while they run.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from aap_poller import metrics
from aap_poller.controller import Controller
from aap_poller.records import Records
from aap_poller.rows import JobKey, Row, owner
from aap_poller.templates import Templates
from cloudkit.contracts.errors import Conflict, ProvisionerError, Refused
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.health import Health
from cloudkit.runtime.ports import Clock, JobLog, Position

log = structlog.get_logger(__name__)

OVERLAP = timedelta(seconds=15)
"""AAP stamps a job before it commits it, so a job may appear behind one that is newer."""
PART = "aap"
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
    names: Mapping[JobType, str]
    health: Health
    interval: float
    _newest: datetime | None = None
    _handled: dict[int, str] = field(default_factory=dict)
    """The status in which each row of the last sweep was dealt with."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweep until *stopping*; AAP's absence slows it down and shows in the health."""
        pause = self.interval
        while not stopping.is_set():
            try:
                await self.once()
            except ProvisionerError as error:
                pause = min(2 * pause, LONGEST_PAUSE)
                self.health.down(PART, error.message)
                log.warning("AAP could not be swept", error=error.message, next_try_in=pause)
            else:
                pause = self.interval
                self.health.up(PART)
            await self._rest(pause, stopping)

    async def once(self) -> None:
        """One sweep. Raises what `Controller` and `JobLog` raise."""
        templates = {(await self.templates.find(name)).id for name in self.names.values()}
        since = self._newest and self._newest - OVERLAP
        rows = await self.aap.changed_since(since, templates)
        metrics.SWEEP_ROWS.inc(len(rows))
        news = [row for row in rows if self._handled.get(row.id) != row.status]
        for some in (news[start : start + AT_ONCE] for start in range(0, len(news), AT_ONCE)):
            dealt_with = await asyncio.gather(*(self._dealt_with(row) for row in some))
            self._handled |= {row.id: row.status for row, done in zip(some, dealt_with, strict=True) if done}
        self._handled = {row.id: self._handled[row.id] for row in rows if row.id in self._handled}
        self._newest = max(_moments(rows), default=self._newest)
        metrics.LAST_SWEEP.set(self.clock.now().timestamp())

    async def _rest(self, seconds: float, stopping: asyncio.Event) -> None:
        rest = asyncio.ensure_future(self.clock.sleep(seconds))
        told = asyncio.ensure_future(stopping.wait())
        await asyncio.wait({rest, told}, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (rest, told):
            waiting.cancel()

    async def _dealt_with(self, row: Row) -> bool:
        """Whether the log is up to *row*; if not, it is looked at again in the next sweep."""
        key = owner(row)
        if key is None or not key.number:
            return True
        at = await self.log.position(key.instance)
        try:
            return await self._compare(row, key, at)
        except Conflict:
            return False
        except Refused as refused:
            log.warning("a job could not be dealt with", job_id=str(row.id), error=refused.message)
            return False

    async def _compare(self, row: Row, key: JobKey, at: Position) -> bool:
        last = at.of_uid
        if last is None or last.job.number < key.number:
            return True  # The log was lost; what it lacks is searched for before anything is launched.
        if last.job.number == key.number and last.event is JobEventName.CLAIMED:
            return False  # Its launch is under way, or recovery's to resolve.
        if last.job.number == key.number and last.event is JobEventName.DELAYED:
            await self.records.adopt(key.instance, last.job, at, row)  # It was given up too early.
        elif last.job.number == key.number and last.job.job_id == str(row.id):
            await self.records.observe(last, at, row)
        elif row.active and await self.records.recorded_id(key, at) != str(row.id):
            await self.records.cancel_second_launch(key, row)
        return True


def _moments(rows: Iterable[Row]) -> Iterable[datetime]:
    """Every time that AAP's clock has shown in *rows*."""
    for row in rows:
        yield row.created
        if row.finished is not None:
            yield row.finished
