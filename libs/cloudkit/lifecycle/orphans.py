"""Whether an instance that is gone has left something behind."""

from collections.abc import Iterable

from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.jobs import JobRecord, JobState, JobType
from cloudkit.lifecycle.history import join, newest


def orphan(events: Iterable[JobEvent]) -> JobRecord | None:
    """The newest job of an instance that does not exist any more, unless it was the one that removed the
    machine. *events* is the whole log of its uid. None also if nothing was ever launched."""
    last = newest(join((), (event.job for event in events if event.job.job_id)))
    return None if last is None or _removed_the_machine(last) else last


def may_leave_a_machine(instance: ComputeInstance) -> bool:
    """Whether *instance*, as it was when it went, does not show that its machine was removed, and had
    been in our care."""
    last = newest(instance.jobs)
    return instance.adopted if last is None else not _removed_the_machine(last)


def _removed_the_machine(job: JobRecord) -> bool:
    return (job.type, job.state) == (JobType.DEPROVISION, JobState.SUCCEEDED)
