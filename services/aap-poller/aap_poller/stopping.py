"""Stopping a provision job, so that the machine can be removed."""

from dataclasses import dataclass, field

import structlog

from aap_poller.controller import Controller
from aap_poller.records import Records
from aap_poller.rows import JobKey, runs
from cloudkit.contracts.errors import Refused
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import JobKind, JobRecord
from cloudkit.runtime.ports import Clock, Position

log = structlog.get_logger(__name__)

ASK_AGAIN_AFTER = 10.0
"""AAP accepts a cancel any number of times while the job runs; in seconds."""


@dataclass(frozen=True)
class Stopping:
    """Asks AAP to cancel a job; that the job has ended, its state tells."""

    aap: Controller
    records: Records
    clock: Clock
    _asked: dict[str, float] = field(default_factory=dict)
    """When this process last asked for each job. Forgotten after a crash: then it asks once more."""

    async def stop(self, instance: InstanceRef, record: JobRecord, at: Position) -> None:
        """Cancel the job of *record*, if it is ours and still active; write down if it is not.

        Raises what `Controller` and `JobLog.append` raise; `Forbidden` if the token may not cancel.
        """
        if self._asked_lately(record.job_id):
            return
        log.info("checking provision job before deprovision", **_fields(instance, record))
        row = await self.aap.job(record.kind, record.job_id)
        if row is None or not runs(row, JobKey(instance, record.number)):
            await self.records.vanished(instance, record, at)
        elif not row.active:
            log.info("provision job already terminal", **_fields(instance, record))
            if at.of_uid is not None:
                await self.records.observe(at.of_uid, at, row)
        else:
            log.info("provision job is running, attempting to cancel", **_fields(instance, record))
            await self._cancel(row.type, record.job_id)
            self._asked[record.job_id] = self.clock.monotonic()

    async def _cancel(self, kind: JobKind, id: str) -> None:
        try:
            await self.aap.cancel(kind, id)
        except Refused as refused:
            # 405 (403 for an ordinary token) also means that the job ended by itself a moment ago.
            row = await self.aap.job(kind, id)
            if refused.status not in (403, 404, 405) or (row is not None and row.active):
                raise

    def _asked_lately(self, id: str) -> bool:
        now = self.clock.monotonic()
        for other in [other for other, asked in self._asked.items() if now - asked >= ASK_AGAIN_AFTER]:
            del self._asked[other]
        return id in self._asked


def _fields(instance: InstanceRef, job: JobRecord) -> dict[str, object]:
    return {"instance": str(instance), "uid": instance.uid, "number": job.number, "job_id": job.job_id}
