"""The conditions of an instance, by the conventions of Kubernetes.

================ ======================= =========================================================
condition        reasons                 meaning
================ ======================= =========================================================
``Provisioned``  ``Succeeded``           the machine is there, as the spec asks
\\                ``InProgress``          a job is on it, or about to be
\\                ``JobFailed``           the last job failed
\\                ``JobPurged``           AAP forgot the job before anybody saw how it ended
\\                ``Canceled``            a person canceled the job in AAP
\\                ``LaunchUnconfirmed``   a launch was sent and its answer lost; it is being looked for
\\                those of `Notice`       nothing can be launched, and why
``Deprovisioned`` the same               the same for the removal; only while being deleted
``Stalled``      ``AttemptsUsedUp``      failed too often; a person has to look
\\                ``Canceled``            waits for a new spec, or for a person
``Ready``        those of the above      the machine is there and the spec is applied
================ ======================= =========================================================
"""

from collections.abc import Iterable
from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import ComputeInstance, Condition
from cloudkit.contracts.jobs import JobRecord, JobState, JobType
from cloudkit.lifecycle.history import newest
from cloudkit.lifecycle.situation import Situation
from cloudkit.lifecycle.texts import shorten

CONDITION_OF = {JobType.PROVISION: "Provisioned", JobType.DEPROVISION: "Deprovisioned"}
LAUNCH_UNCONFIRMED = "LaunchUnconfirmed"


class Notice(msgspec.Struct, frozen=True):
    """Why the job that should come next is not there."""

    reason: str
    message: str


class Finding(msgspec.Struct, frozen=True):
    """What a condition says, before anybody looks at when it began to."""

    type: str
    status: str
    reason: str
    message: str = ""


def notice(events: Iterable[JobEvent], jobs: tuple[JobRecord, ...]) -> Notice | None:
    """Why nothing is launched, if the newest of *events* says so and no job of *jobs* is newer."""
    last = max(events, key=lambda event: (event.job.number, event.job.revision), default=None)
    known = newest(jobs)
    if last is None or (known is not None and known.number >= last.job.number):
        return None
    if last.event is JobEventName.DELAYED:
        return Notice(last.job.reason, last.job.message)
    if last.event is JobEventName.CLAIMED:
        text = f"The launch of {last.job.type} job {last.job.number} was sent and is not confirmed yet"
        return Notice(LAUNCH_UNCONFIRMED, text)
    return None


def standing_notice(situation: Situation) -> Notice | None:
    """The notice that the resource shows already."""
    name = CONDITION_OF[situation.work]
    shown = next((c for c in situation.instance.status.conditions if c.type == name), None)
    if shown is None or shown.status != "False" or shown.reason in _REASONS_OF_JOBS:
        return None
    return Notice(shown.reason, shown.message)


def findings(situation: Situation, notice: Notice | None) -> tuple[Finding, ...]:
    """Every condition that holds for an instance, whose status has its jobs up to date already."""
    found: tuple[Finding, ...]
    provisioned = _of_provisioning(situation, None if situation.deleting else notice)
    if not situation.deleting:
        found = (replace(provisioned, type="Ready"), provisioned)
    else:
        ready = Finding("Ready", "False", "Deleting", "It is being deleted")
        found = (ready, provisioned, _of_deprovisioning(situation, notice))
    stalled = _stalled(situation)
    return found if stalled is None else (*found, stalled)


def dated(instance: ComputeInstance, found: Iterable[Finding], now: datetime) -> tuple[Condition, ...]:
    """*found* as conditions; each keeps the time of its last transition unless it changes now.
    Conditions of others stay as they are; ours that hold no longer go."""
    before = {condition.type: condition for condition in instance.status.conditions}
    ours = tuple(_condition(finding, before.get(finding.type), instance, now) for finding in found)
    others = (c for c in instance.status.conditions if c.type not in _OURS)
    return (*ours, *others)


_OURS = frozenset({"Ready", "Provisioned", "Deprovisioned", "Stalled"})
_REASONS_OF_JOBS = frozenset({"Succeeded", "InProgress", "JobFailed", "JobPurged", "Canceled", "Unknown"})


def _of_provisioning(situation: Situation, notice: Notice | None) -> Finding:
    name = CONDITION_OF[JobType.PROVISION]
    job = situation.provisioned
    if situation.in_sync and job is not None:
        return Finding(name, "True", "Succeeded", job.message)
    return _unfinished(name, job, notice)


def _of_deprovisioning(situation: Situation, notice: Notice | None) -> Finding:
    name = CONDITION_OF[JobType.DEPROVISION]
    job = newest(situation.instance.jobs, JobType.DEPROVISION)
    if job is not None and job.state is JobState.SUCCEEDED:
        return Finding(name, "True", "Succeeded", job.message)
    return _unfinished(name, job, notice)


def _unfinished(name: str, job: JobRecord | None, notice: Notice | None) -> Finding:
    if notice is not None:
        return Finding(name, "False", notice.reason, shorten(notice.message))
    if job is None:
        return Finding(name, "False", "InProgress", "Waiting for a job")
    match job.state:
        case JobState.SUCCEEDED:
            return Finding(name, "False", "InProgress", "A newer spec waits to be applied")
        case JobState.FAILED:
            return Finding(name, "False", job.reason or "JobFailed", job.message)
        case JobState.CANCELED:
            return Finding(name, "False", "Canceled", job.message)
        case JobState.UNKNOWN:
            return Finding(name, "Unknown", "Unknown", job.message)
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
        return Finding("Stalled", "True", "AttemptsUsedUp", shorten(text))
    return None


def _condition(
    finding: Finding, before: Condition | None, instance: ComputeInstance, now: datetime
) -> Condition:
    unchanged = before is not None and before.status == finding.status
    return Condition(
        type=finding.type,
        status=finding.status,
        reason=finding.reason,
        message=finding.message,
        observed_generation=instance.metadata.generation,
        last_transition_time=before.last_transition_time if before and unchanged else now,
    )
