"""The conditions of an instance, by the conventions of Kubernetes.

======================== ======================= =====================================================
condition                reasons                 meaning
======================== ======================= =====================================================
``Provisioned``          ``Succeeded``           the machine is there, as the spec asks
\\                        ``InProgress``          a job is on it, or about to be
\\                        ``Unmanaged``           the spec asks for more, and people look after the machine
\\                        ``Paused``              there is something to do, and people want nothing started
\\                        ``JobFailed``           the last job for this spec failed (or a reason of its own)
\\                        ``JobPurged``           AAP forgot the job before anybody saw how it ended
\\                        ``Canceled``            a person canceled the job in AAP
\\                        ``JobUnknown``          nobody can say how the job stands
\\                        ``WebhookSent``         EDA accepted it; its playbook's answer is awaited
\\                        ``WebhookUnanswered``   EDA may have received it, or not; the answer is awaited
\\                        ``NoEvidence``          EDA's playbook left no answer in time: the job has failed
\\                        ``Abandoned``           nobody waits for EDA's playbook any longer
\\                        ``AwaitingPlaybook``    EDA's playbook may be at work: the removal waits for it
\\                        ``NoPlaybookFinalizer`` AAP made the machine, and EDA could not be seen to remove it
\\                        ``LaunchUnconfirmed``   a launch was sent and its answer lost; it is looked for
\\                        those of a delay        nothing can be launched, and why: ``TemplateNotFound``, …
\\                        ``Deprovisioned``       it was, and was removed
\\                        ``RemovedAndRestored``  it was removed, and the resource came back from a backup
``Deprovisioned``        the same                the same for the removal; only while being deleted
\\                        ``CancelForbidden``     a job has to end first, and we may not cancel it
``Available``            ``Provisioned``         there is a machine, perhaps with an older spec
\\                        ``NotProvisioned``      no job has made one yet
\\                        ``Deprovisioned``       a job is removing it, or has
``ConfigurationApplied`` ``Applied``             the machine is what the spec asks for
\\                        ``NotProvisioned``      no job has made one yet
\\                        ``Deprovisioned``       a job is removing it, or has
\\                        those of Provisioned    it has an older spec, and why
``Progressing``          ``JobActive``           a job is on it
\\                        ``Launching``           a job is about to be launched
\\                        ``BackingOff``          the last job failed; the next comes after a while
\\                        ``Releasing``           the machine is gone, and the resource about to go
\\                        those of a delay        nothing can be launched; it is tried until it works
\\                        ``Settled``             nothing is left to do
\\                        ``Paused``              nothing is done until people resume it
\\                        ``Unmanaged``           nothing is done until it is managed again
\\                        those of Stalled        nothing is done until a person does something
``Stalled``              ``AttemptsUsedUp``      failed too often; a person has to look
\\                        ``Canceled``            waits for a new spec, or for a person
\\                        ``NoPlaybookFinalizer`` waits for AAP to run here
\\                        ``RemovedAndRestored``  waits for a person to delete it, or to create it anew
``Misconfigured``        ``InvalidAnnotation``   an annotation says what cannot be followed
\\                        ``InvalidField``        a field of the spec does
\\                        ``Contradiction``       two wishes exclude each other
``Ready``                those of Provisioned    the machine is there and the spec is applied
\\                        ``Deleting``            it is being deleted
\\                        ``CancelForbidden``     and waits for a person to let us cancel a job
======================== ======================= =====================================================

``Stalled`` and ``Misconfigured`` are there only while they are true, ``Deprovisioned`` only during a
deletion.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from cloudkit.contracts.instance import ComputeInstance, Condition
from cloudkit.contracts.jobs import JobType
from cloudkit.lifecycle.finding import (
    APPLIED,
    AVAILABLE,
    DEPROVISIONED,
    FALSE,
    MISCONFIGURED,
    OURS,
    PROVISIONED,
    READY,
    TRUE,
    Finding,
)
from cloudkit.lifecycle.history import newest
from cloudkit.lifecycle.mistakes import mistakes
from cloudkit.lifecycle.observe import CANCEL_FORBIDDEN
from cloudkit.lifecycle.outlook import progressing, stalled
from cloudkit.lifecycle.situation import Situation
from cloudkit.lifecycle.texts import shorten
from cloudkit.lifecycle.work import deprovisioned, in_the_way, provisioned

MAX_CONDITION_BYTES = 1024
"""The longest message of a condition; that of the job stands in the history."""


def findings(situation: Situation) -> tuple[Finding, ...]:
    """Every condition that holds for an instance, whose status has its jobs up to date already."""
    work = provisioned(situation)
    found = (
        _ready(situation, work),
        _available(situation),
        work,
        _applied(situation, work),
        progressing(situation),
        deprovisioned(situation) if situation.deleting else None,
        stalled(situation),
        _misconfigured(situation),
    )
    return tuple(finding for finding in found if finding is not None)


def dated(instance: ComputeInstance, found: Iterable[Finding], now: datetime) -> tuple[Condition, ...]:
    """*found* as conditions; each keeps the time of its last transition unless it changes now.
    Conditions of others stay as they are; ours that hold no longer go."""
    before = {condition.type: condition for condition in instance.status.conditions}
    ours = tuple(_condition(finding, before.get(finding.type), instance, now) for finding in found)
    others = (c for c in instance.status.conditions if c.type not in OURS)
    return (*ours, *others)


def _ready(situation: Situation, work: Finding) -> Finding:
    if not situation.deleting:
        return replace(work, type=READY)
    before_the_cleanup = in_the_way(situation)
    if before_the_cleanup is not None and before_the_cleanup.reason == CANCEL_FORBIDDEN:
        return replace(before_the_cleanup, type=READY)
    return Finding(READY, FALSE, "Deleting", "It is being deleted")


def _available(situation: Situation) -> Finding:
    if newest(situation.instance.jobs, JobType.DEPROVISION) is not None:
        return Finding(AVAILABLE, FALSE, DEPROVISIONED, "A job is removing the machine, or has")
    if situation.instance.status.reconciled_config_version:
        return Finding(AVAILABLE, TRUE, PROVISIONED, "There is a machine")
    return Finding(AVAILABLE, FALSE, "NotProvisioned", "No job has made a machine yet")


def _applied(situation: Situation, work: Finding) -> Finding:
    available = _available(situation)
    if available.status == FALSE:
        return replace(available, type=APPLIED)
    machine = situation.instance.status.reconciled_config_version
    if machine == situation.version and situation.touched_by is not None:
        text = f"Job {situation.touched_by.job_id} may have left the machine with another version of the spec"
        return Finding(APPLIED, FALSE, work.reason, text)
    if machine == situation.version:
        return Finding(APPLIED, TRUE, "Applied", f"The machine has version {machine} of the spec")
    text = f"The machine has version {machine} of the spec, which is {situation.version} now"
    reason = "InProgress" if work.status == TRUE else work.reason
    return Finding(APPLIED, FALSE, reason, text)


def _misconfigured(situation: Situation) -> Finding | None:
    found = mistakes(situation)
    if not found:
        return None
    return Finding(MISCONFIGURED, TRUE, found[0].reason, ". ".join(mistake.message for mistake in found))


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
