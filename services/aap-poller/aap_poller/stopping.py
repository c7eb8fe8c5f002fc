"""Stopping a provision job, so that the machine can be removed.

::

    look ─► it has ended, or is none of ours ─► write that down
        └─► cancel ─► 202 ─► look again in a while: a workflow may take minutes to stop
                   ├── 403, 405, and it has ended meanwhile ─► the next look writes that down
                   └── 403, and it runs ─► CancelForbidden on the resource, and asked again later

Facts about AAP are from the source of AWX: a cancel is accepted any number of times while the job is
active; of one that has ended it is refused, with 405 to a superuser and with 403 to everybody else.
"""

import structlog

from aap_poller import metrics
from aap_poller.controller import Controller, cancel
from aap_poller.pauses import Pauses
from aap_poller.records import Records
from aap_poller.rows import Row
from cloudkit.contracts.errors import Forbidden
from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import JobKind, JobRecord
from cloudkit.lifecycle.observe import cancel_accepted, cancel_forbidden
from cloudkit.runtime import log_lines
from cloudkit.runtime.log_lines import about
from cloudkit.runtime.ports import Clock, JobLog

log = structlog.get_logger(__name__)

ASK_AGAIN_AFTER = 10.0
"""In seconds, while the job runs on although AAP accepted the cancel."""
LONGEST_PAUSE = 300.0
"""In seconds, between two cancels that AAP refuses: so soon a right that was given is noticed."""


class Stopping:
    """Asks AAP to cancel a job; that the job has ended, its state tells."""

    def __init__(self, log: JobLog, aap: Controller, records: Records, clock: Clock) -> None:
        self._log = log
        self._aap = aap
        self._records = records
        self._clock = clock
        self._pauses: Pauses[str] = Pauses(clock, first=ASK_AGAIN_AFTER, longest=LONGEST_PAUSE)
        """By AAP's id. Forgotten in a crash: then it is asked again at once."""

    async def stop(self, instance: InstanceRef, record: JobRecord) -> None:
        """Cancel the job of *record* if it is ours and still runs, and write down if it does not.

        Raises what `Controller` and `JobLog` raise.
        """
        if self._pauses.pausing(record.job_id):
            return
        log.info(log_lines.CHECKING, **about(instance, record))
        row = await self._aap.job(record.kind, record.job_id)
        # Read after AAP was asked: it may take longer to answer than a read is good for.
        newest = await self._records.update(instance, record, await self._log.position(instance), row)
        if row is None or not row.active or newest.closed or newest.job.job_id != record.job_id:
            log.info(log_lines.ALREADY_TERMINAL, **about(instance, record))
            self._pauses.end(record.job_id)
            return
        log.info(log_lines.CANCELING, **about(instance, record))
        await self._cancel(newest, row)
        log.info(log_lines.NOT_READY, **about(instance, record))

    async def _cancel(self, running: JobEvent, row: Row) -> None:
        id = running.job.job_id
        try:
            accepted = await cancel(self._aap, row)
        except Forbidden as refused:
            metrics.CANCELS.labels("forbidden").inc()
            log.warning(
                "the job may not be canceled: waiting for its end",
                error=refused.message,
                **about(running.instance, running.job),
            )
            self._pauses.begin_longer(id)
            await self._say(running, cancel_forbidden(running, _who_may(row, refused), self._clock.now()))
            return
        metrics.CANCELS.labels("accepted" if accepted else "ended").inc()
        if accepted:
            self._pauses.begin(id)
            await self._say(running, cancel_accepted(running, self._clock.now()))

    async def _say(self, running: JobEvent, event: JobEvent | None) -> None:
        """Append *event*, unless something has happened since *running*."""
        if event is None:
            return
        at = await self._log.position(running.instance)
        if at.of_uid == running:
            await self._log.append(event, at)


def _who_may(row: Row, refused: Forbidden) -> str:
    """AWX's source: the one who launched a job may cancel it, and the administrators of its template."""
    template = "workflow template" if row.type is JobKind.WORKFLOW_JOB else "job template"
    return (
        f"Job {row.id} has to end first, and AAP does not let us cancel it: give the user of the token "
        f"Admin on the {template} '{row.name}', or cancel the job in AAP ({refused.message})"
    )
