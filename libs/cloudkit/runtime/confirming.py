"""Writing down what the resource shows of an EDA job. It needs the job log alone, so that any provider's
service can do it: also where EDA runs no longer.
"""

import structlog
from msgspec.structs import replace

from cloudkit.contracts.errors import Conflict
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.intents import Confirm, Reconcile
from cloudkit.contracts.jobs import Provider
from cloudkit.contracts.subjects import Addressee
from cloudkit.lifecycle.claims import lacks
from cloudkit.lifecycle.evidence import OUTCOMES, over
from cloudkit.runtime import log_lines
from cloudkit.runtime.answers import DONE, Answer, Later, Never
from cloudkit.runtime.metrics import EDA_JOBS
from cloudkit.runtime.ports import Clock, Intents, JobLog

CONFLICT_AGAIN_AFTER = 0.5

log = structlog.get_logger(__name__)


async def confirm(intent: Confirm, log: JobLog, intents: Intents, clock: Clock) -> Answer:
    """Close the job of *intent*, unless the log knows better: then the resource has to catch up.

    It is counted once, by whoever wrote it down. Raises what the bus raises.
    """
    if intent.outcome not in OUTCOMES:
        return Never(f"a job of EDA is never over as {intent.outcome}")
    at = await log.position(intent.instance)
    open_job = _open_job(intent, at.of_uid)
    if open_job is None:
        await intents.publish(Addressee.STATUS, Reconcile(instance=intent.instance))
        return DONE
    ended = over(open_job, intent.outcome, clock.now())
    try:
        await log.append(ended, at)
    except Conflict as conflict:
        return Later(CONFLICT_AGAIN_AFTER, conflict.message)
    EDA_JOBS.labels(ended.job.type, ended.event).inc()
    log_lines.changed(ended)
    return DONE


def _open_job(intent: Confirm, last: JobEvent | None) -> JobEvent | None:
    """The event that the end of the job follows: the log's last, or, of a log that was lost, one that
    says what the resource shows."""
    shown = intent.newest
    if shown is not None and shown.number == intent.number and not shown.closed and lacks(last, shown):
        last = JobEvent(event=JobEventName.ADOPTED, instance=intent.instance, job=replace(shown, claimant=""))
    if last is None or last.closed or last.event is JobEventName.CLAIMED:
        return None
    return last if (last.job.number, last.job.provider) == (intent.number, Provider.EDA) else None
