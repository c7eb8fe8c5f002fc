"""Following the jobs that run: polling each now and then, and answering `Follow` and `Cancel`.

The ``launched`` and ``adopted`` events of the log are the poll schedule, so any number of replicas may
share it. What a process remembers of its polls only saves work: `aap_poller.agreements`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from aap_poller.active_jobs import ActiveJobs
from aap_poller.agreements import Agreements
from aap_poller.controller import Controller
from aap_poller.records import Records
from aap_poller.rounds import Rounds
from aap_poller.rows import JobKey, Row, found
from aap_poller.stopping import Stopping
from cloudkit.contracts.errors import Conflict, Malformed, Refused, Unanswered, Unreachable
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
AT_ONCE = 20
"""How many jobs of a batch are written down at once: AAP may be slow to say why each of them failed."""


@dataclass(frozen=True)
class Following:
    """Keeps the log up with AAP. ``poll_interval`` is in seconds."""

    log: JobLog
    intents: Intents
    aap: Controller
    records: Records
    stopping: Stopping
    poll_interval: float
    agreements: Agreements = field(init=False)
    rounds: Rounds = field(init=False)
    active: ActiveJobs = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "agreements", Agreements(self.records.clock))
        object.__setattr__(self, "rounds", Rounds(self.records.clock, self.poll_interval))
        object.__setattr__(self, "active", ActiveJobs(self.records.clock))

    async def poll(self, messages: Sequence[Received[JobEvent]]) -> Sequence[Answer]:
        """Ask AAP, in one go, for the jobs of *messages* that are due and still open."""
        started = self.records.clock.monotonic()
        due = await asyncio.gather(*(self._is_due(message) for message in messages))
        ids = {message.body.job.job_id for message, yes in zip(messages, due, strict=True) if yes}
        try:
            rows = {str(row.id): row for row in await self.aap.jobs(ids)} if ids else {}
        except (Refused, Unreachable, Unanswered) as problem:
            # One line for all of them: there may be thousands.
            log.warning("jobs could not be polled", jobs=len(ids), error=problem.message)
            return [self._later(problem.message) for _ in messages]
        answers: list[Answer] = []
        for some in (messages[start : start + AT_ONCE] for start in range(0, len(messages), AT_ONCE)):
            answers += await asyncio.gather(*(self._poll_one(message, rows) for message in some))
        self.rounds.took(self.records.clock.monotonic() - started, jobs=len(ids))
        self.active.polled(messages, answers, rows)
        return answers

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
        if self.agreements.made(message.body):
            return True  # AAP tells whether the log has to be read.
        try:
            return _is_open(message.body, (await self.log.position(message.body.instance)).of_uid)
        except Malformed:
            return False  # One that cannot be read must not keep the others from being polled.

    def _is_young(self, message: Received[JobEvent]) -> bool:
        """Whether it was launched a moment ago; its first round is the one nearest to an interval later."""
        return message.body.event is JobEventName.LAUNCHED and message.age < self.poll_interval / 2

    async def _poll_one(self, message: Received[JobEvent], rows: Mapping[str, Row]) -> Answer:
        if self._is_young(message):
            return self._later("the job is young", age=message.age)
        event = message.body
        row = rows.get(event.job.job_id)
        if self.agreements.hold(event, row):
            return self._later("the job goes on")
        self.agreements.end(event)
        try:
            return await self._compared(event, row)
        except Conflict as conflict:
            return Later(CONFLICT_AGAIN_AFTER, conflict.message)
        except (Refused, Malformed, Unreachable, Unanswered) as problem:
            if isinstance(problem, Unreachable | Unanswered) and problem.system != "AAP":
                raise
            log.warning("a job cannot be followed", error=problem.message, **about(event.instance, event.job))
            return self._later(problem.message)

    async def _compared(self, event: JobEvent, row: Row | None) -> Answer:
        """Write down what became of the job of *event*."""
        newest = await self._compare(event, row)
        if newest is None or not _is_open(event, newest):
            return DONE
        job = found(row, JobKey(event.instance, event.job.number))
        if row is not None and job is not None and newest.job.state is row.state:
            self.agreements.make(event, row)
        return self._later("the job runs")

    def _later(self, because: str, *, age: float = 0.0) -> Later:
        """In the round that is nearest to an interval after it was launched, or polled now."""
        return Later(self.rounds.next(jobs=len(self.agreements), age=age), because)

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
