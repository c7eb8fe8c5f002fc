"""The lines that operators search the logs for, word for word, and what each of them names.

They are those of the project's reference, section "Key Log Messages".
"""

import structlog

from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import JobRecord, JobState, JobType

TRIGGERING = {JobType.PROVISION: "triggering provisioning", JobType.DEPROVISION: "triggering deprovisioning"}
CHECKING = "checking provision job before deprovision"
CANCELING = "provision job is running, attempting to cancel"
ALREADY_TERMINAL = "provision job already terminal"
NOT_READY = "deprovisioning not ready, requeueing"

log = structlog.get_logger(__name__)


def triggered(event: JobEvent) -> None:
    """AAP took the job."""
    log.info(f"{event.job.type} job triggered", **about(event.instance, event.job))


def changed(event: JobEvent, details: str = "") -> None:
    """The job has a new state; *details* say why it failed."""
    job, fields = event.job, about(event.instance, event.job)
    match job.state:
        case JobState.SUCCEEDED:
            log.info(f"{job.type} job succeeded", **fields)
        case JobState.FAILED:
            log.warning(f"{job.type} job failed: {details or job.message}", **fields)
        case JobState.CANCELED:
            log.info(f"canceled {job.type} job", **fields)
        case _:
            log.info(f"{job.type} job still running", state=job.state, **fields)


def about(instance: InstanceRef, job: JobRecord) -> dict[str, object]:
    """The fields that tell which job a line is about."""
    return {**names(instance), "number": job.number, "job_id": job.job_id}


def names(instance: InstanceRef) -> dict[str, object]:
    """The fields that tell which instance a line is about."""
    return {"instance": str(instance), "uid": instance.uid}
