"""Strays: jobs that AAP runs without the resource, because their template ignored our variables.

A template that prompts for no variables is not launched at all, but it may have been changed since it was
looked up. Then AAP says so in its answer, and the job runs all the same; it does who knows what, and not
what was asked for. It has no key by which it could be found again, so its id stands in the ``delayed``
event, and nobody claims the number again before the stray was seen to have ended.
"""

from datetime import timedelta

import structlog

from aap_poller.controller import Controller, cancel
from aap_poller.rows import Row, ours
from cloudkit.contracts.errors import ProvisionerError
from cloudkit.contracts.events import JobEvent
from cloudkit.runtime.answers import Later
from cloudkit.runtime.ports import Position

log = structlog.get_logger(__name__)

LOOK_AGAIN_AFTER = 5.0
LAUNCHED_WITHIN = timedelta(minutes=15)
"""Of its claim, by clocks that may differ: a younger job has its id because AAP was restored."""


async def stop(aap: Controller, row: Row) -> None:
    """Cancel the stray *row*. If that fails it is logged, and done again by `obstacle`."""
    log.warning("canceling a job without its resource", job_id=str(row.id), template=row.name)
    try:
        await cancel(aap, row)
    except ProvisionerError:
        log.exception("a job without its resource could not be canceled", job_id=str(row.id))


async def obstacle(aap: Controller, at: Position) -> Later | None:
    """What to wait for before the number is claimed again: a stray that still runs, and is canceled
    unless it was. Raises what `Controller` raises."""
    told = at.of_uid
    if told is None or not told.job.stray_id:
        return None
    row = await aap.job(None, told.job.stray_id)
    if row is None or not row.active or not _is_it(row, told):
        return None
    if row.canceled_on is None:
        await stop(aap, row)
    return Later(LOOK_AGAIN_AFTER, f"job {row.id}, which runs without the resource, has to end first")


def _is_it(row: Row, told: JobEvent) -> bool:
    """Ids start over when AAP is restored: whether *row* is the stray that *told* is about."""
    launched_then = abs(row.created - told.job.timestamp) < LAUNCHED_WITHIN
    return ours(row) is None and row.name == told.job.template and launched_then
