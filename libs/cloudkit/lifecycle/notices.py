"""What a person would want to hear of, when a status turns into another: Kubernetes Events.

Only transitions are told, never that something is still as it was; so nothing is told in a loop.
"""

from collections.abc import Iterator, Sequence

from cloudkit.contracts.instance import ComputeInstance, ComputeInstanceStatus, Condition, Phase
from cloudkit.contracts.jobs import JobRecord, JobState, JobType
from cloudkit.contracts.notices import Notice, NoticeType
from cloudkit.lifecycle.finding import MISCONFIGURED, PROGRESSING
from cloudkit.lifecycle.outlook import BACKING_OFF, JOB_ACTIVE, LAUNCHING, RELEASING, SETTLED
from cloudkit.lifecycle.texts import shorten
from cloudkit.lifecycle.work import AWAITING_PLAYBOOK, PAUSED, UNMANAGED

MAX_NOTE_BYTES = 1024
"""What Kubernetes takes."""
LAUNCHED = "JobLaunched"
DELETING = "Deleting"
RELEASED = "Released"
RESTARTED = "Restarted"
RESUMED = "Resumed"
JOB_ENDED = "JobEnded"
ENDED = {
    (JobType.PROVISION, JobState.SUCCEEDED): "Provisioned",
    (JobType.PROVISION, JobState.FAILED): "ProvisionFailed",
    (JobType.PROVISION, JobState.CANCELED): "ProvisionCanceled",
    (JobType.PROVISION, JobState.UNKNOWN): "ProvisionAbandoned",
    (JobType.DEPROVISION, JobState.SUCCEEDED): "Deprovisioned",
    (JobType.DEPROVISION, JobState.FAILED): "DeprovisionFailed",
    (JobType.DEPROVISION, JobState.CANCELED): "DeprovisionCanceled",
    (JobType.DEPROVISION, JobState.UNKNOWN): "DeprovisionAbandoned",
}
"""The reason for each way in which a job may end."""
TOLD_BY_JOBS = frozenset({JOB_ACTIVE, LAUNCHING, SETTLED, RELEASING})
"""Reasons of ``Progressing`` of which the jobs themselves tell."""
EXPECTED = frozenset({BACKING_OFF, PAUSED, UNMANAGED, AWAITING_PLAYBOOK})
"""Those that are no cause for concern."""


def notices(before: ComputeInstance, after: ComputeInstanceStatus) -> tuple[Notice, ...]:
    """What to tell when the status of *before* becomes *after*."""
    action = "Deprovision" if before.deleting else "Provision"
    return (
        *_of_the_phase(before.status, after, action),
        *_of_jobs(before, after),
        *_of_conditions(before.status, after, action),
    )


def released(others: Sequence[str]) -> Notice:
    """What to tell when our finalizer was taken off an instance; *others* hold it still."""
    left = f"; it still waits for {', '.join(others)}" if others else ""
    return _normal(RELEASED, "Deprovision", f"Nothing of ours holds it any longer{left}")


def _of_the_phase(
    before: ComputeInstanceStatus, after: ComputeInstanceStatus, action: str
) -> Iterator[Notice]:
    if after.phase is Phase.DELETING and before.phase is not Phase.DELETING:
        yield _normal(DELETING, action, "It is being deleted; its machine is removed first")
    if after.last_restarted_at is not None and after.last_restarted_at != before.last_restarted_at:
        when = f"{after.last_restarted_at:%Y-%m-%d %H:%M:%S} UTC"
        yield _normal(RESTARTED, action, f"The restart that was asked for at {when} is done")


def _of_jobs(before: ComputeInstance, after: ComputeInstanceStatus) -> Iterator[Notice]:
    known = {job.number: job for job in before.jobs}
    newest = max(known, default=0)
    for job in after.jobs:
        earlier = known.get(job.number)
        if earlier is None and job.number > newest:
            yield _normal(
                LAUNCHED, job.type.capitalize(), f"{_called(job)} was launched (attempt {job.attempt})"
            )
        if job.closed and (job.number > newest if earlier is None else not earlier.closed):
            yield _of_an_end(job, expected=before.deleting and job.type is JobType.PROVISION)


def _of_an_end(job: JobRecord, *, expected: bool) -> Notice:
    good = job.state is JobState.SUCCEEDED or (expected and job.state is JobState.CANCELED)
    tell = _normal if good else _warning
    return tell(
        ENDED.get((job.type, job.state), JOB_ENDED), job.type.capitalize(), f"{_called(job)}: {job.message}"
    )


def _of_conditions(
    before: ComputeInstanceStatus, after: ComputeInstanceStatus, action: str
) -> Iterator[Notice]:
    was, now = _condition(before, PROGRESSING), _condition(after, PROGRESSING)
    if was.reason == PAUSED != now.reason:
        yield _normal(RESUMED, action, "It is no longer paused")
    if now.reason != was.reason and now.reason not in TOLD_BY_JOBS:
        tell = _normal if now.reason in EXPECTED else _warning
        yield tell(now.reason, action, now.message)
    mistake = _condition(after, MISCONFIGURED)
    if mistake.message != _condition(before, MISCONFIGURED).message and mistake.message:
        yield _warning(mistake.reason, action, mistake.message)


def _condition(status: ComputeInstanceStatus, type: str) -> Condition:
    nothing = Condition(type=type, status="Unknown")
    return next((condition for condition in status.conditions if condition.type == type), nothing)


def _called(job: JobRecord) -> str:
    return f"{job.type.capitalize()} job {job.job_id}"


def _normal(reason: str, action: str, note: str) -> Notice:
    return Notice(type=NoticeType.NORMAL, reason=reason, action=action, note=shorten(note, MAX_NOTE_BYTES))


def _warning(reason: str, action: str, note: str) -> Notice:
    return Notice(type=NoticeType.WARNING, reason=reason, action=action, note=shorten(note, MAX_NOTE_BYTES))
