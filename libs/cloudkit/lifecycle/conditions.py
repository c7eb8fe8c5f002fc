"""The conditions of an instance, by the conventions of Kubernetes.

================= ======================= ========================================================
condition         reasons                 meaning
================= ======================= ========================================================
``Provisioned``   ``Succeeded``           the machine is there, as the spec asks
\\                 ``InProgress``          a job is on it, or about to be
\\                 ``Unmanaged``           the spec asks for more, and people look after the machine
\\                 ``JobFailed``           the last job for this spec failed (or a reason of its own)
\\                 ``JobPurged``           AAP forgot the job before anybody saw how it ended
\\                 ``Canceled``            a person canceled the job in AAP
\\                 ``JobUnknown``          nobody can say how the job stands
\\                 ``WebhookSent``         EDA accepted it; its playbook's answer is awaited
\\                 ``WebhookUnanswered``   EDA may have received it, or not; the answer is awaited
\\                 ``NoEvidence``          EDA's playbook left no answer in time: the job has failed
\\                 ``Abandoned``           nobody waits for EDA's playbook any longer
\\                 ``AwaitingPlaybook``    EDA's playbook may be at work: the removal waits for it
\\                 ``NoPlaybookFinalizer`` AAP made the machine, and EDA could not be seen to remove it
\\                 ``LaunchUnconfirmed``   a launch was sent and its answer lost; it is looked for
\\                 those of a delay        nothing can be launched, and why: ``TemplateNotFound``, …
\\                 ``Deprovisioned``       it was, and was removed
``Deprovisioned`` the same                the same for the removal; only while being deleted
\\                 ``CancelForbidden``     a job has to end first, and we may not cancel it
``Available``     ``Provisioned``         there is a machine, perhaps with an older spec
\\                 ``NotProvisioned``      no job has made one yet
\\                 ``Deprovisioned``       a job is removing it, or has
``Stalled``       ``AttemptsUsedUp``      failed too often; a person has to look
\\                 ``Canceled``            waits for a new spec, or for a person
``Ready``         those of Provisioned    the machine is there and the spec is applied
\\                 ``Deleting``            it is being deleted
\\                 ``CancelForbidden``     and waits for a person to let us cancel a job
================= ======================= ========================================================
"""

from collections.abc import Iterable
from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from cloudkit.contracts.instance import (
    ABANDON_ANNOTATION,
    ComputeInstance,
    Condition,
    Launch,
)
from cloudkit.contracts.jobs import JobRecord, JobState, JobType
from cloudkit.lifecycle.history import newest
from cloudkit.lifecycle.launches import blocks
from cloudkit.lifecycle.observe import CANCEL_FORBIDDEN
from cloudkit.lifecycle.situation import Situation
from cloudkit.lifecycle.texts import shorten

AWAITING_PLAYBOOK = "AwaitingPlaybook"
NO_PLAYBOOK_FINALIZER = "NoPlaybookFinalizer"
MAX_CONDITION_BYTES = 1024
"""The longest message of a condition; that of the job stands in the history."""


class Finding(msgspec.Struct, frozen=True):
    """What a condition says, before anybody looks at when it began to."""

    type: str
    status: str
    reason: str
    message: str = ""


def findings(situation: Situation) -> tuple[Finding, ...]:
    """Every condition that holds for an instance, whose status has its jobs up to date already."""
    provisioned = _of_provisioning(situation)
    found: tuple[Finding, ...] = (_ready(situation, provisioned), _available(situation), provisioned)
    if situation.deleting:
        found = (*found, _of_deprovisioning(situation))
    stalled = _stalled(situation)
    return found if stalled is None else (*found, stalled)


def dated(instance: ComputeInstance, found: Iterable[Finding], now: datetime) -> tuple[Condition, ...]:
    """*found* as conditions; each keeps the time of its last transition unless it changes now.
    Conditions of others stay as they are; ours that hold no longer go."""
    before = {condition.type: condition for condition in instance.status.conditions}
    ours = tuple(_condition(finding, before.get(finding.type), instance, now) for finding in found)
    others = (c for c in instance.status.conditions if c.type not in OURS)
    return (*ours, *others)


OURS = frozenset({"Ready", "Available", "Provisioned", "Deprovisioned", "Stalled"})


def _ready(situation: Situation, provisioned: Finding) -> Finding:
    if situation.deleting:
        in_the_way = _in_the_way(situation)
        if in_the_way is not None and in_the_way.reason == CANCEL_FORBIDDEN:
            return replace(in_the_way, type="Ready")
        return Finding("Ready", "False", "Deleting", "It is being deleted")
    return replace(provisioned, type="Ready")


def _available(situation: Situation) -> Finding:
    if newest(situation.instance.jobs, JobType.DEPROVISION) is not None:
        return Finding("Available", "False", "Deprovisioned", "A job is removing the machine, or has")
    if situation.instance.status.reconciled_config_version:
        return Finding("Available", "True", "Provisioned", "There is a machine")
    return Finding("Available", "False", "NotProvisioned", "No job has made a machine yet")


def _of_provisioning(situation: Situation) -> Finding:
    if _succeeded(newest(situation.instance.jobs, JobType.DEPROVISION)):
        return Finding("Provisioned", "False", "Deprovisioned", "The machine is gone")
    job = situation.provisioned
    if situation.in_sync and job is not None:
        return Finding("Provisioned", "True", "Succeeded", job.message)
    if situation.deleting:
        return _unfinished("Provisioned", job, None)
    if situation.instance.unmanaged and situation.active is None:
        text = "The spec is not applied: it is unmanaged, people look after the machine"
        return Finding("Provisioned", "False", "Unmanaged", text)
    if job is not None and job.closed and situation.last_try is None:
        job = None  # What became of an older spec, or before somebody asked again, is past.
    return _unfinished("Provisioned", job, _obstacle(situation))


def _of_deprovisioning(situation: Situation) -> Finding:
    job = newest(situation.instance.jobs, JobType.DEPROVISION)
    if job is not None and _succeeded(job):
        return Finding("Deprovisioned", "True", "Succeeded", job.message)
    if situation.beyond_reach:
        text = (
            "AAP made the machine, only EDA runs here, and no playbook finalizer is left that could show its "
            "removal: run aap-poller, and add aap to CLOUDKIT_PROVIDERS"
        )
        return Finding("Deprovisioned", "False", NO_PLAYBOOK_FINALIZER, text)
    return _in_the_way(situation) or _unfinished("Deprovisioned", job, _obstacle(situation))


def _in_the_way(situation: Situation) -> Finding | None:
    """The provision job that has to end before the machine can be removed."""
    job = situation.active
    if job is None or job.type is JobType.DEPROVISION:
        return None
    if job is situation.awaited:
        text = (
            f"The playbook of job {job.number} may be at work; waiting until "
            f"{situation.awaited_until:%Y-%m-%d %H:%M:%S} UTC, or for the annotation "
            f'{ABANDON_ANNOTATION}="{job.number}"'
        )
        return Finding("Deprovisioned", "False", AWAITING_PLAYBOOK, text)
    if job.reason == CANCEL_FORBIDDEN:
        return Finding("Deprovisioned", "False", CANCEL_FORBIDDEN, job.message)
    text = f"Provision job {job.job_id} has to end first: {job.message}"
    return Finding("Deprovisioned", "False", "InProgress", text)


def _obstacle(situation: Situation) -> Launch | None:
    """Why the job that should come next is not there, if somebody said so."""
    launch = situation.instance.status.launch
    return launch if launch is not None and blocks(launch, situation.work) else None


def _succeeded(job: JobRecord | None) -> bool:
    return job is not None and job.state is JobState.SUCCEEDED


def _unfinished(name: str, job: JobRecord | None, obstacle: Launch | None) -> Finding:
    if obstacle is not None:
        return Finding(name, "False", obstacle.reason, obstacle.message)
    if job is None:
        return Finding(name, "False", "InProgress", "Waiting for a job")
    match job.state:
        case JobState.SUCCEEDED:
            return Finding(name, "False", "InProgress", "The spec has changed since")
        case JobState.FAILED:
            return Finding(name, "False", job.reason or "JobFailed", job.message)
        case JobState.CANCELED:
            return Finding(name, "False", "Canceled", job.message)
        case JobState.UNKNOWN:
            return Finding(name, "Unknown", job.reason or "JobUnknown", job.message)
        case JobState.PENDING | JobState.WAITING | JobState.RUNNING:
            return Finding(name, "False", "InProgress", job.message)
    assert_never(job.state)


def _stalled(situation: Situation) -> Finding | None:
    job = situation.last_try
    if job is None or situation.active is not None:
        return None
    if situation.canceled:
        return Finding("Stalled", "True", "Canceled", "Canceled in AAP; waits for a person or a new spec")
    if situation.given_up:
        text = f"{job.type.capitalize()} failed {job.attempt} times: {job.message}"
        return Finding("Stalled", "True", "AttemptsUsedUp", text)
    return None


def _condition(
    finding: Finding, before: Condition | None, instance: ComputeInstance, now: datetime
) -> Condition:
    since = before.last_transition_time if before is not None and before.status == finding.status else None
    return Condition(
        type=finding.type,
        status=finding.status,
        reason=finding.reason,
        message=shorten(finding.message, MAX_CONDITION_BYTES),
        observed_generation=instance.metadata.generation,
        last_transition_time=since or now,
    )
