"""Following the jobs that run: polling each now and then, and answering `Follow`.

The ``launched`` and ``adopted`` events of the log are the poll schedule; it is stateless, so any number
of replicas may share it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aap_poller.controller import Controller
from aap_poller.records import Records
from aap_poller.rows import JobKey, Row, runs
from aap_poller.stopping import Stopping
from cloudkit.contracts.errors import Conflict
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.intents import Cancel, Follow, Reconcile
from cloudkit.contracts.subjects import Addressee
from cloudkit.runtime.answers import DONE, Answer, Later, Received
from cloudkit.runtime.ports import Intents, JobLog, Position

CANCEL_AGAIN_AFTER = 2.0


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
        positions = await asyncio.gather(*(self._position_if_due(message) for message in messages))
        open_ids = {
            at.of_uid.job.job_id
            for message, at in zip(messages, positions, strict=True)
            if at is not None and at.of_uid is not None and _is_open(message.body, at)
        }
        rows = {str(row.id): row for row in await self.aap.jobs(open_ids)} if open_ids else {}
        return [
            await self._poll_one(message, at, rows) for message, at in zip(messages, positions, strict=True)
        ]

    async def follow(self, intent: Follow) -> Answer:
        """The resource shows a job running: make sure that it is followed, or that it shows no longer."""
        at = await self.log.position(intent.instance)
        last = at.of_uid
        if intent.newest is not None and (last is None or last.job.number < intent.number):
            await self._adopt_from_the_resource(intent, at)
        elif last is None or last.closed:
            await self.intents.publish(Addressee.STATUS, Reconcile(instance=intent.instance))
        return DONE

    async def cancel(self, intent: Cancel) -> Answer:
        """Stop a job of ours, because another provider is to remove the machine."""
        at = await self.log.position(intent.instance)
        last = at.of_uid
        if last is None or last.closed or last.job.number != intent.number or not last.job.job_id:
            await self.intents.publish(Addressee.STATUS, Reconcile(instance=intent.instance))
            return DONE
        await self.stopping.stop(intent.instance, last.job, at)
        return Later(CANCEL_AGAIN_AFTER, f"job {intent.number} has to end first")

    async def _position_if_due(self, message: Received[JobEvent]) -> Position | None:
        """Where the job's instance stands; None if the job is too young for a poll."""
        if message.body.event is JobEventName.LAUNCHED and message.age < self.poll_interval:
            return None
        return await self.log.position(message.body.instance)

    async def _poll_one(
        self, message: Received[JobEvent], at: Position | None, rows: Mapping[str, Row]
    ) -> Answer:
        if at is None:
            return Later(self.poll_interval - message.age, "the job is young")
        last = at.of_uid
        if last is None or not _is_open(message.body, at):
            return DONE
        try:
            newest = await self._look(last, at, rows.get(last.job.job_id))
        except Conflict as conflict:
            return Later(1.0, conflict.message)
        return DONE if newest.closed else Later(self.poll_interval, f"the job is {newest.job.state}")

    async def _look(self, last: JobEvent, at: Position, row: Row | None) -> JobEvent:
        """Write down what became of the job of *last*. A job that is missing from a list may be hidden
        by a race; only its own page tells that it is gone."""
        key = JobKey(last.instance, last.job.number)
        if row is None or not runs(row, key):
            row = await self.aap.job(last.job.kind, last.job.job_id)
        if row is None or not runs(row, key):
            return await self.records.vanished(last.instance, last.job, at)
        return await self.records.observe(last, at, row)

    async def _adopt_from_the_resource(self, intent: Follow, at: Position) -> None:
        """The log was lost, and the resource remembers the job."""
        record = intent.newest
        if record is None or not record.job_id:
            return
        row = await self.aap.job(record.kind, record.job_id)
        if row is None or not runs(row, JobKey(intent.instance, record.number)):
            await self.records.vanished(intent.instance, record, at)
        else:
            await self.records.adopt(intent.instance, record, at, row)


def _is_open(event: JobEvent, at: Position) -> bool:
    """Whether the job of *event* is the instance's newest, and not closed."""
    last = at.of_uid
    return last is not None and last.job.number == event.job.number and not last.closed
