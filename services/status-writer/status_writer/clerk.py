"""Does the errands of one instance: reads what is needed, projects, decides, and writes.

::

    Reconcile ──► read resource and log ──► adopt │ release │ ─┐
    job event ────────────────────────────────────────────────┴► project ──► patch the status

Every write is refused if the resource changed since it was read; then it is read and thought about again.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import structlog

from cloudkit.contracts.errors import Conflict, Malformed, NotFound, ProvisionerError
from cloudkit.contracts.instance import FINALIZER, ComputeInstance, ComputeInstanceStatus
from cloudkit.contracts.jobs import JobRecord
from cloudkit.lifecycle.decide import Write, decide
from cloudkit.lifecycle.history import is_unobserved, newest
from cloudkit.lifecycle.notices import notices, released
from cloudkit.lifecycle.policy import Policy
from cloudkit.lifecycle.project import project, status_patch
from cloudkit.runtime.lanes import Lane
from cloudkit.runtime.metrics import STATUS_WRITES, UNREADABLE_INSTANCES
from cloudkit.runtime.ports import Clock, Instances, JobLog
from status_writer.announcing import Announcer
from status_writer.errands import Errand, events_of
from status_writer.latest import Latest
from status_writer.orphans import Orphans

log = structlog.get_logger()

TRIES = 5
"""How often somebody else may be faster in a row, before the messages are left for later."""


class Clerk:
    """Does errands; for each lane only one call at a time."""

    def __init__(
        self, instances: Instances, jobs: JobLog, clock: Clock, policy: Policy, announcer: Announcer
    ) -> None:
        self._instances = instances
        self._jobs = jobs
        self._clock = clock
        self._policy = policy
        self._announcer = announcer
        self._latest = Latest()
        self._orphans = Orphans(jobs)

    async def do(self, lane: Lane, errands: Sequence[Errand]) -> list[Errand]:
        """Do *errands*, and return those that are not due yet. Raises as the ports do."""
        refusals = 0
        while True:
            try:
                return await self._do(lane, errands)
            except (Conflict, NotFound):
                self._latest.forget(lane)
                refusals += 1
                if refusals == TRIES:
                    raise

    async def _do(self, lane: Lane, errands: Sequence[Errand]) -> list[Errand]:
        try:
            instance = await self._read(lane, errands)
            present = [errand for errand in errands if instance and errand.ref == instance.ref]
            for gone in sorted({errand.ref for errand in errands if errand not in present}):
                await self._orphans.look_for(gone)
            return await self._bring_up_to_date(lane, instance, present) if instance and present else []
        except Malformed as error:
            # The resource is garbage, or its log: not the messages. Once somebody has repaired it, the
            # watcher sees that and asks to reconcile, and then everything is read from the log.
            UNREADABLE_INSTANCES.inc()
            log.warning("an instance cannot be read", instance="/".join(lane), because=str(error))
            return []

    async def _read(self, lane: Lane, errands: Sequence[Errand]) -> ComputeInstance | None:
        """The instance that now has the name; as last known, unless somebody asks to look."""
        looking = {errand.ref for errand in errands if errand.looks}
        known = self._latest.of(lane)
        if known is not None and not looking and all(errand.ref == known.ref for errand in errands):
            return known
        instance, histories = await asyncio.gather(
            self._instances.get(*lane), asyncio.gather(*(self._jobs.history(ref) for ref in looking))
        )
        history_of = dict(zip(looking, histories, strict=True))
        for errand in errands:
            if errand.looks:
                errand.events = (*errand.events, *history_of[errand.ref])
        self._latest.forget(lane)
        if instance is not None:
            self._latest.keep(lane, instance)
        return instance

    async def _bring_up_to_date(
        self, lane: Lane, instance: ComputeInstance, errands: list[Errand]
    ) -> list[Errand]:
        now = self._clock.now()
        status = project(instance, events_of(errands), now, self._policy)
        if any(errand.looks for errand in errands):
            seen = msgspec.structs.replace(instance, status=status)
            match decide(seen, now, self._policy).write:
                case Write.RELEASE:
                    await self._release(lane, await self._write_status(lane, instance, status))
                    return []
                case Write.MARK:
                    await self._mark(lane, instance)
                case Write.ADOPT:
                    await self._adopt(lane, instance)
                    return _looked(errands)  # the launch waits for this alone, the status is not urgent
            _looked(errands)
        elif not all(errand.looked for errand in errands) and _lost_sight(instance.jobs, status.jobs):
            for errand in errands:
                errand.looks = True
            return errands
        if min(errand.due for errand in errands) > self._clock.monotonic():
            return errands
        await self._write_status(lane, instance, status)
        return []

    async def _write_status(
        self, lane: Lane, instance: ComputeInstance, status: ComputeInstanceStatus
    ) -> ComputeInstance:
        patch = status_patch(instance.status, status)
        if not patch:
            return instance
        with _counted("status"):
            written = await self._instances.patch_status(instance, patch)
        self._latest.keep(lane, written)
        self._announcer.tell(written, notices(instance, status))
        job = newest(written.jobs)
        log.info(
            "status written",
            instance=str(written.ref),
            uid=written.ref.uid,
            phase=status.phase,
            job=f"{job.type} {job.number} {job.state}" if job else None,
            fields=sorted(patch),
        )
        return written

    async def _adopt(self, lane: Lane, instance: ComputeInstance) -> None:
        await self._set_finalizers("adopt", lane, instance, (*instance.metadata.finalizers, FINALIZER))
        log.info("adopted", instance=str(instance.ref), uid=instance.ref.uid)

    async def _mark(self, lane: Lane, instance: ComputeInstance) -> None:
        """The first of the playbooks' finalizers: the one that new playbooks remove."""
        mark = self._policy.playbook_finalizers[0]
        await self._set_finalizers("mark", lane, instance, (*instance.metadata.finalizers, mark))
        log.info("marked for EDA", instance=str(instance.ref), uid=instance.ref.uid, finalizer=mark)

    async def _release(self, lane: Lane, instance: ComputeInstance) -> None:
        ours = {FINALIZER, *self._policy.playbook_finalizers}
        others = tuple(name for name in instance.metadata.finalizers if name not in ours)
        await self._set_finalizers("release", lane, instance, others)
        self._announcer.tell(instance, [released(others)])
        log.info("released", instance=str(instance.ref), uid=instance.ref.uid, left_to=others)

    async def _set_finalizers(
        self, write: str, lane: Lane, instance: ComputeInstance, finalizers: Sequence[str]
    ) -> None:
        self._latest.forget(lane)  # whatever comes of it, what we know is the past
        with _counted(write):
            await self._instances.set_finalizers(instance, finalizers)


def _lost_sight(before: Sequence[JobRecord], after: Sequence[JobRecord]) -> bool:
    """Whether a job that looked open has ended unobserved: the status came from a backup, or news got lost.
    The whole log may know how."""
    known = {job.number for job in before if is_unobserved(job)}
    return any(is_unobserved(job) and job.number not in known for job in after)


def _looked(errands: list[Errand]) -> list[Errand]:
    for errand in errands:
        errand.looks, errand.looked = False, True
    return errands


@contextmanager
def _counted(write: str) -> Iterator[None]:
    try:
        yield
    except ProvisionerError as error:
        STATUS_WRITES.labels(write, type(error).__name__).inc()
        raise
    STATUS_WRITES.labels(write, "written").inc()
