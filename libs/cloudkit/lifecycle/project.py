"""Say what the status of an instance is, from what it was and what was learned of its jobs.

A join: every event may come late, twice or out of order, and the history ends up the same.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.instance import ComputeInstance, ComputeInstanceStatus, JobSummary, Launch
from cloudkit.contracts.jobs import JobRecord, JobType
from cloudkit.lifecycle.conditions import dated, findings
from cloudkit.lifecycle.config_version import applied_version
from cloudkit.lifecycle.history import ended_unobserved, genuine, join, newest, newest_success, trim
from cloudkit.lifecycle.launches import latest_launch
from cloudkit.lifecycle.policy import Policy
from cloudkit.lifecycle.situation import Situation
from cloudkit.lifecycle.size import SHORTER, briefer, excess, without_the_oldest


def project(
    instance: ComputeInstance, events: Iterable[JobEvent], now: datetime, policy: Policy
) -> ComputeInstanceStatus:
    """The status of *instance* once *events* of its uid are known. *now* dates what changes.

    Claims and delays are no jobs: they show as ``launch``, and as the reason of a condition, until a
    job comes.
    Raises `Malformed` if the spec is no object.
    """
    learned = tuple(event for event in events if event.instance == instance.ref)
    jobs = join(genuine(instance.jobs, learned), (event.job for event in learned if event.job.job_id))
    jobs = trim(ended_unobserved(jobs, _taken(instance, learned)), policy.max_job_history)
    launch = latest_launch(instance.status.launch, learned, jobs, now)
    status = _concluded(instance, jobs, launch, now, policy)
    if (surplus := excess(status)) <= 0:
        return status
    status = replace(status, jobs=without_the_oldest(jobs, surplus))
    for limit in SHORTER:
        if excess(status) <= 0:
            break
        status = _concluded(instance, *briefer(status.jobs, status.launch, limit), now, policy)
    return status


def _concluded(
    instance: ComputeInstance,
    jobs: tuple[JobRecord, ...],
    launch: Launch | None,
    now: datetime,
    policy: Policy,
) -> ComputeInstanceStatus:
    """The status of *instance* whose *jobs* and *launch* are these."""
    status = replace(
        instance.status,
        jobs=jobs,
        launch=launch,
        reconciled_config_version=_reconciled(instance, jobs),
        last_restarted_at=_restarted(instance, jobs),
    )
    known = Situation(replace(instance, status=status), now, policy)
    return replace(
        status,
        phase=known.phase,
        provision_job=_summary(newest(jobs, JobType.PROVISION)),
        deprovision_job=_summary(newest(jobs, JobType.DEPROVISION)),
        next_retry_at=known.next_try_at if known.tries_again else None,
        desired_config_version=known.version,
        observed_generation=instance.metadata.generation,
        conditions=dated(instance, findings(known), now),
    )


def status_patch(before: ComputeInstanceStatus, after: ComputeInstanceStatus) -> dict[str, Any]:
    """A JSON merge patch that makes *before* into *after*: only our fields, only what changed,
    None for what goes. Empty if nothing changed."""
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    keys = (*new, *(key for key in old if key not in new))
    return {key: new.get(key) for key in keys if old.get(key) != new.get(key)}


def _taken(instance: ComputeInstance, learned: Iterable[JobEvent]) -> int:
    """The highest number that anybody is known to have taken, or to be about to take."""
    launch = instance.status.launch
    return max([launch.number if launch else 0, *(event.job.number for event in learned)])


def _reconciled(instance: ComputeInstance, jobs: tuple[JobRecord, ...]) -> str:
    """The version that the machine has, as far as a job's success shows it."""
    job = newest_success(jobs)
    return instance.status.reconciled_config_version if job is None else applied_version(instance, job)


def _restarted(instance: ComputeInstance, jobs: tuple[JobRecord, ...]) -> datetime | None:
    """The last restart that was asked for and brought about."""
    job = newest_success(jobs)
    times = (instance.status.last_restarted_at, job.restart_requested_at if job is not None else None)
    return max((time for time in times if time is not None), default=None)


def _summary(job: JobRecord | None) -> JobSummary | None:
    if job is None:
        return None
    return JobSummary(
        id=job.job_id,
        state=job.state,
        message=job.message,
        block_deletion_on_failure=job.block_deletion_on_failure,
    )
