"""What tests wait for, as sentences about an instance: ``await vm.until(is_ready)``."""

from cloudkit.contracts.instance import PLAYBOOK_FINALIZERS, ComputeInstance, Condition, JobSummary, Phase
from cloudkit.contracts.jobs import JobState
from e2e.sightings import IsSo


def is_progressing(instance: ComputeInstance) -> bool:
    return instance.status.phase is Phase.PROGRESSING


def is_ready(instance: ComputeInstance) -> bool:
    return instance.status.phase is Phase.READY


def is_failed(instance: ComputeInstance) -> bool:
    return instance.status.phase is Phase.FAILED


def shows_no_failure(instance: ComputeInstance) -> bool:
    """Nothing that a person looks at first tells of a failed job."""
    status = instance.status
    told = [condition.message for condition in status.conditions]
    told += [job.message for job in (status.provision_job, status.deprovision_job) if job]
    return not any("failed" in text for text in told)


def provision_is(state: JobState) -> IsSo:
    return _named(f"its provision job is {state}", lambda one: _state(one.status.provision_job) is state)


def deprovision_is(state: JobState) -> IsSo:
    return _named(f"its deprovision job is {state}", lambda one: _state(one.status.deprovision_job) is state)


def has_jobs(count: int) -> IsSo:
    return _named(f"it has {count} jobs", lambda one: len(one.status.jobs) >= count)


def is_held_by_a_playbook(instance: ComputeInstance) -> bool:
    return not set(PLAYBOOK_FINALIZERS).isdisjoint(instance.metadata.finalizers)


def job_is(number: int, reason: str) -> IsSo:
    """Whether its job *number* has this *reason*."""
    return _named(
        f"its job {number} is {reason}",
        lambda one: any((job.number, job.reason) == (number, reason) for job in one.status.jobs),
    )


def says(type: str, status: str, reason: str) -> IsSo:
    """Whether its condition *type* has *status* and *reason*."""

    def is_so(instance: ComputeInstance) -> bool:
        found = condition(instance, type)
        return found is not None and (found.status, found.reason) == (status, reason)

    return _named(f"it says {type}={status} because of {reason}", is_so)


def condition(instance: ComputeInstance, type: str) -> Condition | None:
    return next((one for one in instance.status.conditions if one.type == type), None)


def _state(job: JobSummary | None) -> JobState | None:
    return job.state if job else None


def _named(words: str, is_so: IsSo) -> IsSo:
    is_so.__name__ = words
    return is_so
