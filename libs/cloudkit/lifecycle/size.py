"""Keep a status small: etcd holds every version of it, and everybody who watches gets each."""

import msgspec
from msgspec.structs import replace

from cloudkit.contracts.instance import ComputeInstanceStatus, JobSummary
from cloudkit.contracts.jobs import JobType
from cloudkit.lifecycle.finding import OURS
from cloudkit.lifecycle.history import newest, newest_success
from cloudkit.lifecycle.texts import shorten

MAX_STATUS_BYTES = 32 * 1024
"""Of our fields, as JSON; those of others are theirs."""
SHORTER = (1024, 256, 64, 16)
"""Bytes that messages are cut to, one step after the other, when leaving out jobs was not enough."""


def fitting(status: ComputeInstanceStatus) -> ComputeInstanceStatus:
    """*status* in at most `MAX_STATUS_BYTES`: the oldest jobs that decide nothing go first, then messages are
    cut. A status that fits stays as it is."""
    while _too_large(status):
        smaller = _without_its_oldest_job(status)
        if smaller == status:
            break
        status = smaller
    for limit in SHORTER:
        if not _too_large(status):
            break
        status = _with_messages_of(status, limit)
    return status


def _too_large(status: ComputeInstanceStatus) -> bool:
    return len(msgspec.json.encode(status)) > MAX_STATUS_BYTES


def _without_its_oldest_job(status: ComputeInstanceStatus) -> ComputeInstanceStatus:
    decisive = (*(newest(status.jobs, type) for type in JobType), newest_success(status.jobs))
    oldest = next((job for job in status.jobs if job not in decisive), None)
    return replace(status, jobs=tuple(job for job in status.jobs if job is not oldest))


def _with_messages_of(status: ComputeInstanceStatus, limit: int) -> ComputeInstanceStatus:
    return replace(
        status,
        jobs=tuple(replace(job, message=shorten(job.message, limit)) for job in status.jobs),
        provision_job=_shorter(status.provision_job, limit),
        deprovision_job=_shorter(status.deprovision_job, limit),
        launch=status.launch and replace(status.launch, message=shorten(status.launch.message, limit)),
        conditions=tuple(
            replace(c, message=shorten(c.message, limit)) if c.type in OURS else c for c in status.conditions
        ),
    )


def _shorter(job: JobSummary | None, limit: int) -> JobSummary | None:
    return job and replace(job, message=shorten(job.message, limit))
