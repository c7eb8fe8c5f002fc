"""Jobs whose instance is gone: somebody took our finalizer off by hand, and a machine may be left."""

import structlog

from cloudkit.contracts.instance import InstanceRef
from cloudkit.lifecycle.orphans import orphan
from cloudkit.runtime.metrics import ORPHANED_JOBS
from cloudkit.runtime.ports import JobLog

log = structlog.get_logger()

REMEMBERED = 10_000


class Orphans:
    """Tells of each orphaned job once, as long as this process lives."""

    def __init__(self, jobs: JobLog) -> None:
        self._jobs = jobs
        self._told: dict[tuple[InstanceRef, int], None] = {}

    async def look_for(self, gone: InstanceRef) -> None:
        """Tell of the job that *gone* has left behind, if any. Raises as `JobLog`."""
        job = orphan(await self._jobs.history(gone))
        if job is None or (gone, job.number) in self._told:
            return
        self._told[gone, job.number] = None
        if len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]
        ORPHANED_JOBS.inc()
        log.warning(
            "orphaned job: its instance is gone, and its machine may be left",
            instance=str(gone),
            uid=gone.uid,
            number=job.number,
            job_id=job.job_id,
            type=job.type,
            state=job.state,
        )
