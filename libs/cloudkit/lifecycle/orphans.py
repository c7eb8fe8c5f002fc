"""Whether an instance that is gone has left something behind."""

from collections.abc import Iterable

from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.jobs import JobRecord, JobState, JobType
from cloudkit.lifecycle.history import join, newest


def orphan(events: Iterable[JobEvent]) -> JobRecord | None:
    """The newest job of an instance that does not exist any more, unless it was the one that removed the
    machine. *events* is the whole log of its uid. None also if nothing was ever launched."""
    last = newest(join((), (event.job for event in events if event.job.job_id)))
    if last is None or (last.type, last.state) == (JobType.DEPROVISION, JobState.SUCCEEDED):
        return None
    return last
