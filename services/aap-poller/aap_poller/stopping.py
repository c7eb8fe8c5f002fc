"""Stopping a provision job, so that the machine can be removed."""

import structlog

from aap_poller.controller import Controller, cancel
from aap_poller.records import Records
from aap_poller.rows import Row
from cloudkit.contracts.errors import Forbidden
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import JobRecord
from cloudkit.runtime import log_lines
from cloudkit.runtime.log_lines import about
from cloudkit.runtime.ports import Clock, JobLog
from cloudkit.runtime.stopwatches import Stopwatches

log = structlog.get_logger(__name__)

ASK_AGAIN_AFTER = 10.0
"""AAP accepts a cancel any number of times while the job runs; in seconds."""


class Stopping:
    """Asks AAP to cancel a job; that the job has ended, its state tells."""

    def __init__(self, log: JobLog, aap: Controller, records: Records, clock: Clock) -> None:
        self._log = log
        self._aap = aap
        self._records = records
        self._asked: Stopwatches[str] = Stopwatches(clock, forget_after=60.0)
        """Since when each job knows that it should stop. Forgotten in a crash: then it is asked again."""

    async def stop(self, instance: InstanceRef, record: JobRecord) -> None:
        """Cancel the job of *record* if it is ours and still runs, and write down if it does not.

        Raises what `Controller` and `JobLog` raise.
        """
        if self._asked_lately(record.job_id):
            return
        log.info(log_lines.CHECKING, **about(instance, record))
        row = await self._aap.job(record.kind, record.job_id)
        # Read after AAP was asked: it may take longer to answer than a read is good for.
        newest = await self._records.update(instance, record, await self._log.position(instance), row)
        if row is None or newest.closed or newest.job.job_id != record.job_id:
            log.info(log_lines.ALREADY_TERMINAL, **about(instance, record))
            return
        log.info(log_lines.CANCELING, **about(instance, record))
        await self._cancel(instance, record, row)
        log.info(log_lines.NOT_READY, **about(instance, record))

    async def _cancel(self, instance: InstanceRef, record: JobRecord, row: Row) -> None:
        try:
            if not await cancel(self._aap, row):
                return
        except Forbidden as refused:
            log.warning(
                "the job may not be canceled: waiting for its end",
                error=refused.message,
                **about(instance, record),
            )
        self._asked.elapsed(record.job_id)

    def _asked_lately(self, id: str) -> bool:
        if self._asked.running(id) and self._asked.elapsed(id) < ASK_AGAIN_AFTER:
            return True
        self._asked.stop(id)
        return False
