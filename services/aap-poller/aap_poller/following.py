"""Following the jobs that run: polling each now and then, and answering `Follow` and `Cancel`.

The ``launched`` and ``adopted`` events of the log are the poll schedule; it is stateless, so any number
of replicas may share it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from aap_poller.controller import Controller
from aap_poller.records import Records
from aap_poller.rows import JobKey, Row, found
from aap_poller.stopping import Stopping
from cloudkit.contracts.errors import Conflict, Malformed, Refused
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.intents import Cancel, Follow, Reconcile
from cloudkit.contracts.jobs import Provider
from cloudkit.contracts.subjects import Addressee
from cloudkit.lifecycle.claims import lacks, open_job
from cloudkit.runtime.answers import DONE, Answer, Later, Received
from cloudkit.runtime.log_lines import about
from cloudkit.runtime.ports import Intents, JobLog

log = structlog.get_logger(__name__)

CANCEL_AGAIN_AFTER = 2.0
CONFLICT_AGAIN_AFTER = 1.0


@dataclass(frozen=True)
class Following:
    """Keeps the log up with AAP. ``poll_interval`` is in seconds."""

    log: JobLog
    intents: Intents
    aap: Controller
    records: Records
    stopping: Stopping
    poll_interval: float

    async def poll(self, messages: Sequence[Received[JobEvent]]) -> Sequence[Answer]:
        """Ask AAP, in one go, for the jobs of *messages* that are due and still open."""
        due = await asyncio.gather(*(self._is_due(message) for message in messages))
        ids = {message.body.job.job_id for message, yes in zip(messages, due, strict=True) if yes}
        rows = {str(row.id): row for row in await self.aap.jobs(ids)} if ids else {}
        return [await self._poll_one(message, rows) for message in messages]

    async def follow(self, intent: Follow) -> Answer:
        """The resource shows a job running: make sure that it is followed, or that it shows no longer."""
        last, shown = (await self.log.position(intent.instance)).of_uid, intent.newest
        if shown is None or shown.provider is not Provider.AAP:
            return DONE
        if shown.job_id and lacks(last, shown):
            # The log was lost, and the resource remembers the job. AAP may be slow: read again after it.
            row = await self.aap.job(shown.kind, shown.job_id)
            await self.records.update(intent.instance, shown, await self.log.position(intent.instance), row)
        elif last is None or last.closed or last.job.revision != shown.revision:
            await self.intents.publish(Addressee.STATUS, Reconcile(instance=intent.instance))
        return DONE

    async def cancel(self, intent: Cancel) -> Answer:
        """Stop a job of ours, because another provider is to remove the machine."""
        job = open_job(intent, (await self.log.position(intent.instance)).of_uid)
        if job is None or job.number != intent.number or not job.job_id:
            await self.intents.publish(Addressee.STATUS, Reconcile(instance=intent.instance))
            return DONE
        await self.stopping.stop(intent.instance, job)
        return Later(CANCEL_AGAIN_AFTER, f"job {intent.number} has to end first")

    async def _is_due(self, message: Received[JobEvent]) -> bool:
        """Whether AAP should be asked: not for what is young, nor for what the log knows the end of."""
        if self._is_young(message):
            return False
        try:
            return _is_open(message.body, (await self.log.position(message.body.instance)).of_uid)
        except Malformed:
            return False  # One that cannot be read must not keep the others from being polled.

    def _is_young(self, message: Received[JobEvent]) -> bool:
        return message.body.event is JobEventName.LAUNCHED and message.age < self.poll_interval

    async def _poll_one(self, message: Received[JobEvent], rows: Mapping[str, Row]) -> Answer:
        if self._is_young(message):
            return Later(self.poll_interval - message.age, "the job is young")
        event = message.body
        try:
            newest = await self._compare(event, rows.get(event.job.job_id))
        except Conflict as conflict:
            return Later(CONFLICT_AGAIN_AFTER, conflict.message)
        except (Refused, Malformed) as problem:
            log.warning("a job cannot be followed", error=problem.message, **about(event.instance, event.job))
            return Later(self.poll_interval, problem.message)
        return Later(self.poll_interval, "the job runs") if _is_open(event, newest) else DONE

    async def _compare(self, event: JobEvent, row: Row | None) -> JobEvent | None:
        """Write down what became of the job of *event*, and return the instance's newest event then.

        A job that is missing from a list may be hidden by a race; only its own page tells that it is gone.
        """
        at = await self.log.position(event.instance)
        if not _is_open(event, at.of_uid):
            return at.of_uid
        if found(row, JobKey(event.instance, event.job.number)) is None:
            row = await self.aap.job(event.job.kind, event.job.job_id)
            at = await self.log.position(event.instance)
        return await self.records.update(event.instance, event.job, at, row)


def _is_open(event: JobEvent, last: JobEvent | None) -> bool:
    """Whether the job of *event* is AAP's, still that of *last*, the newest event, and not closed."""
    if last is None or event.job.provider is not Provider.AAP:
        return False
    return last.job.number == event.job.number and not last.closed
