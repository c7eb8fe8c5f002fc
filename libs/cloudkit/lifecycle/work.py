"""How the work on the machine stands: the conditions ``Provisioned`` and ``Deprovisioned``."""

from typing import assert_never

from cloudkit.contracts.instance import Launch
from cloudkit.contracts.jobs import JobRecord, JobState, JobType
from cloudkit.lifecycle.commands import abandon, delete, make_anew
from cloudkit.lifecycle.finding import DEPROVISIONED, FALSE, PROVISIONED, TRUE, UNKNOWN, Finding
from cloudkit.lifecycle.history import newest
from cloudkit.lifecycle.launches import LAUNCH_UNCONFIRMED, blocks
from cloudkit.lifecycle.observe import CANCEL_FORBIDDEN
from cloudkit.lifecycle.situation import Situation

SUCCEEDED = "Succeeded"
IN_PROGRESS = "InProgress"
AWAITING_PLAYBOOK = "AwaitingPlaybook"
NO_PLAYBOOK_FINALIZER = "NoPlaybookFinalizer"
PAUSED = "Paused"
UNMANAGED = "Unmanaged"
REMOVED_AND_RESTORED = "RemovedAndRestored"

OUT_OF_REACH = (
    "AAP made the machine, only EDA runs here, and no playbook finalizer is left that could show its "
    "removal: run aap-poller, and add aap to CLOUDKIT_PROVIDERS"
)


def provisioned(situation: Situation) -> Finding:
    """Whether the machine is there, as the spec asks."""
    if situation.came_back:
        return Finding(PROVISIONED, FALSE, REMOVED_AND_RESTORED, without_its_machine(situation))
    if situation.removed:
        return Finding(PROVISIONED, FALSE, DEPROVISIONED, "The machine is gone")
    job = situation.provisioned
    if job is not None and situation.in_sync and (situation.settled or situation.deleting):
        return Finding(PROVISIONED, TRUE, SUCCEEDED, job.message)
    if situation.deleting:
        return _unfinished(PROVISIONED, job)
    if situation.left_alone and situation.active is None:
        text = "The spec is not applied: it is unmanaged, people look after the machine"
        return Finding(PROVISIONED, FALSE, UNMANAGED, text)
    if job is not None and job.closed and situation.last_try is None:
        job = None  # What became of an older spec, or before somebody asked again, is past.
    return _still_to_be_done(situation, PROVISIONED, job)


def deprovisioned(situation: Situation) -> Finding:
    """Whether the machine of an instance that is being deleted is gone."""
    job = newest(situation.instance.jobs, JobType.DEPROVISION)
    if job is not None and situation.removed:
        return Finding(DEPROVISIONED, TRUE, SUCCEEDED, job.message)
    if situation.beyond_reach:
        return Finding(DEPROVISIONED, FALSE, NO_PLAYBOOK_FINALIZER, OUT_OF_REACH)
    if job is not None and job.state is JobState.SUCCEEDED:
        job = None  # Something was made since.
    return in_the_way(situation) or _still_to_be_done(situation, DEPROVISIONED, job)


def without_its_machine(situation: Situation) -> str:
    """Why an instance that came back from a backup is left alone, and what a person can do about it."""
    job, instance = situation.newest, situation.instance
    past = "The removal of its machine had begun when the resource came back from a backup"
    if job is not None and (job.type, job.state) == (JobType.DEPROVISION, JobState.SUCCEEDED):
        past = f"Job {job.job_id} has removed its machine, and then the resource came back from a backup"
    return f"{past}. If nobody wants it: {delete(instance)}; for a new machine: {make_anew(instance)}"


def in_the_way(situation: Situation) -> Finding | None:
    """The provision job that has to end before the machine can be removed."""
    job = situation.active
    if not situation.deleting or job is None or job.type is JobType.DEPROVISION:
        return None
    if job is situation.awaited:
        text = (
            f"The playbook of job {job.number} may be at work; waiting until "
            f"{situation.awaited_until:%Y-%m-%d %H:%M:%S} UTC; if it surely is not: "
            f"{abandon(situation.instance, job.number)}"
        )
        return Finding(DEPROVISIONED, FALSE, AWAITING_PLAYBOOK, text)
    if job.reason == CANCEL_FORBIDDEN:
        return Finding(DEPROVISIONED, FALSE, CANCEL_FORBIDDEN, job.message)
    text = f"Provision job {job.job_id} has to end first: {job.message}"
    return Finding(DEPROVISIONED, FALSE, IN_PROGRESS, text)


def obstacle(situation: Situation) -> Launch | None:
    """Why the job that should come next is not there, if somebody said so. While nobody tries, only a launch
    that may have gone through is."""
    launch = situation.instance.status.launch
    if launch is None or situation.came_back or not blocks(launch, situation.work):
        return None
    return launch if not situation.paused or launch.reason == LAUNCH_UNCONFIRMED else None


def _still_to_be_done(situation: Situation, name: str, job: JobRecord | None) -> Finding:
    """What is known of the job that should do it: why there is none, or how it stands."""
    launch = obstacle(situation)
    if launch is not None:
        return Finding(name, FALSE, launch.reason, launch.message)
    if situation.paused and (job is None or job.state is JobState.SUCCEEDED):
        return Finding(name, FALSE, PAUSED, "Nothing is started: it is paused")
    if job is None and situation.in_sync and situation.restart_wanted is not None:
        return Finding(name, FALSE, IN_PROGRESS, "A restart was asked for")
    return _unfinished(name, job)


def _unfinished(name: str, job: JobRecord | None) -> Finding:
    if job is None:
        return Finding(name, FALSE, IN_PROGRESS, "Waiting for a job")
    match job.state:
        case JobState.SUCCEEDED:
            return Finding(name, FALSE, IN_PROGRESS, "The spec has changed since")
        case JobState.FAILED:
            return Finding(name, FALSE, job.reason or "JobFailed", job.message)
        case JobState.CANCELED:
            return Finding(name, FALSE, "Canceled", job.message)
        case JobState.UNKNOWN:
            return Finding(name, UNKNOWN, job.reason or "JobUnknown", job.message)
        case JobState.PENDING | JobState.WAITING | JobState.RUNNING:
            return Finding(name, FALSE, IN_PROGRESS, job.message)
    assert_never(job.state)
