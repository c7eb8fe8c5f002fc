"""Instances, jobs and events to test with, each as ordinary as it can be."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from cloudkit.contracts.events import STATE_EVENTS, JobEvent, JobEventName
from cloudkit.contracts.instance import FINALIZER, ComputeInstance, InstanceRef, read_instance
from cloudkit.contracts.jobs import JobRecord, JobState, JobType, Provider
from cloudkit.lifecycle.config_version import config_version
from cloudkit.lifecycle.policy import Policy
from cloudkit.lifecycle.project import project

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
A_WHILE_AGO = NOW - timedelta(seconds=30)
LONG_AGO = NOW - timedelta(days=1)
BOTH = frozenset(Provider)
POLICY = Policy(retry_jitter=0)

A: dict[str, Any] = {"name": "vm", "vcpu": 2}
B: dict[str, Any] = {"name": "vm", "vcpu": 4}
REF = InstanceRef("ns", "vm", "uid-1")


def version(spec: dict[str, Any]) -> str:
    return config_version(msgspec.Raw(msgspec.json.encode(spec)))


def instance(
    *jobs: JobRecord,
    spec: dict[str, Any] = A,
    deleting: bool = False,
    finalizers: tuple[str, ...] = (FINALIZER,),
    annotations: dict[str, str] | None = None,
    generation: int = 1,
    status: dict[str, Any] | None = None,
) -> ComputeInstance:
    """An instance with exactly this history and *status*, whether they fit together or not."""
    metadata = {
        "name": REF.name,
        "namespace": REF.namespace,
        "uid": REF.uid,
        "creationTimestamp": LONG_AGO,
        "generation": generation,
        "finalizers": finalizers,
        "annotations": annotations or {},
    }
    if deleting:
        metadata["deletionTimestamp"] = A_WHILE_AGO
    shown = {**({"jobs": jobs} if jobs else {}), **(status or {})}
    return read_instance(msgspec.json.encode({"metadata": metadata, "spec": spec, "status": shown}))


def reported(subject: ComputeInstance, policy: Policy = POLICY) -> ComputeInstance:
    """*subject* with the status that the status-writer gives it, if it has nothing to learn."""
    return learned(subject, policy=policy)


def learned(subject: ComputeInstance, *events: JobEvent, policy: Policy = POLICY) -> ComputeInstance:
    """*subject* with the status that the status-writer gives it when it learns *events*."""
    return replace(subject, status=project(subject, events, NOW, policy))


def provision(number: int = 1, state: JobState = JobState.SUCCEEDED, **fields: Any) -> JobRecord:
    """A provision job for spec A."""
    return _job(JobType.PROVISION, number, state, {"config_version": version(A), **fields})


def deprovision(number: int = 1, state: JobState = JobState.SUCCEEDED, **fields: Any) -> JobRecord:
    return _job(JobType.DEPROVISION, number, state, fields)


def happened(job: JobRecord, name: JobEventName | None = None, of: InstanceRef = REF) -> JobEvent:
    """The event that carries *job*; by its state unless *name* is given."""
    return JobEvent(event=name or STATE_EVENTS[job.state], instance=of, job=job)


def claimed(job: JobRecord, **fields: Any) -> JobEvent:
    waiting = replace(job, job_id="", state=JobState.PENDING, claimant="claim-1", **fields)
    return happened(waiting, JobEventName.CLAIMED)


def delayed(job: JobRecord, reason: str = "TemplateNotFound", message: str = "no such template") -> JobEvent:
    waiting = replace(job, job_id="", state=JobState.PENDING, reason=reason, message=message)
    return happened(waiting, JobEventName.DELAYED)


def _job(type: JobType, number: int, state: JobState, fields: dict[str, Any]) -> JobRecord:
    usual = {
        "timestamp": A_WHILE_AGO,
        "block_deletion_on_failure": True,
        "revision": 3,
        "job_id": str(100 + number),
        "message": f"Job {state.lower()}",
    }
    return JobRecord(type=type, number=number, state=state, **{**usual, **fields})
