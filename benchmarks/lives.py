"""What job events tell of the life of an instance, and at what pace.

::

    provision:    claimed ─► launched ─► pending ─► waiting ─► running ─► succeeded
    deprovision:  the same, once a user has deleted the instance
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from cloudkit.contracts.events import STATE_EVENTS, JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import JobKind, JobRecord, JobState, JobType
from cloudkit.lifecycle.observe import Observation, observed

STATES = (JobState.PENDING, JobState.WAITING, JobState.RUNNING, JobState.SUCCEEDED)
NUMBERS = {JobType.PROVISION: 1, JobType.DEPROVISION: 2}


@dataclass(frozen=True, kw_only=True)
class Pace:
    """``between``: seconds from one new instance to the next; ``before``: those before an event.
    ``in_waves``: all instances wait for each other before the next thing happens to them."""

    name: str
    in_waves: bool = False
    between: float = 0.0
    before: Mapping[JobEventName, float] = field(default_factory=dict)


FAST = Pace(name="as fast as possible", in_waves=True)
REALISTIC = Pace(
    name="realistic",
    between=0.05,
    before={
        JobEventName.LAUNCHED: 0.05,
        JobEventName.PENDING: 1.0,
        JobEventName.WAITING: 1.0,
        JobEventName.RUNNING: 1.0,
        JobEventName.SUCCEEDED: 4.0,
    },
)
"""Twenty new instances a second. What AAP says of a job is seen a sweep, that is a second, later."""


def story(instance: InstanceRef, type: JobType, config_version: str, now: datetime) -> tuple[JobEvent, ...]:
    """Everything that is ever said of the one job of that *type*, which does its work."""
    record = JobRecord(
        type=type,
        state=JobState.PENDING,
        timestamp=now,
        number=NUMBERS[type],
        revision=1,
        block_deletion_on_failure=True,
        config_version=config_version if type is JobType.PROVISION else "",
    )
    events = [JobEvent(event=JobEventName.CLAIMED, instance=instance, job=record)]
    record = observed(record, _seen(record, JobState.PENDING, now), now)
    events.append(JobEvent(event=JobEventName.LAUNCHED, instance=instance, job=record))
    for state in STATES:
        record = observed(record, _seen(record, state, now), now)
        if state is JobState.PENDING:
            record = replace(record, message="Waiting for a free instance group")  # or it is no news
        events.append(JobEvent(event=STATE_EVENTS[state], instance=instance, job=record))
    return tuple(events)


def _seen(record: JobRecord, state: JobState, now: datetime) -> Observation:
    return Observation(
        job_id=str(4710 + record.number),
        kind=JobKind.JOB,
        state=state,
        started_at=now if state in (JobState.RUNNING, JobState.SUCCEEDED) else None,
        finished_at=now if state is JobState.SUCCEEDED else None,
    )
