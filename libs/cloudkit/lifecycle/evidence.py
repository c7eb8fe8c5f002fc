"""What the resource tells of an EDA job: its playbook's answer, which is all that is ever heard of it.

A webhook is answered before anything runs, and nothing can be asked or stopped afterwards.
"""

from datetime import datetime

from msgspec.structs import replace

from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import RECONCILED_ANNOTATION, ComputeInstance
from cloudkit.contracts.intents import Provision
from cloudkit.contracts.jobs import JobRecord, JobState, JobType
from cloudkit.contracts.moments import later
from cloudkit.lifecycle.claims import succeeding
from cloudkit.lifecycle.policy import Policy
from cloudkit.lifecycle.texts import job_message

WEBHOOK_SENT = "WebhookSent"
WEBHOOK_UNANSWERED = "WebhookUnanswered"
"""The webhook may have been received, or not."""
NO_EVIDENCE = "NoEvidence"
ABANDONED = "Abandoned"

TEXTS = {
    WEBHOOK_SENT: "Webhook sent; waiting for what its playbook leaves on the resource",
    WEBHOOK_UNANSWERED: "Nobody answered the webhook; its playbook may run nevertheless",
    NO_EVIDENCE: "The playbook left nothing on the resource that shows that it was done",
    ABANDONED: "Nobody waits for its playbook any longer",
}
OUTCOMES = {
    JobState.SUCCEEDED: (JobEventName.SUCCEEDED, ""),
    JobState.FAILED: (JobEventName.FAILED, NO_EVIDENCE),
    JobState.UNKNOWN: (JobEventName.ABANDONED, ABANDONED),
}
"""How a job may be over, as an event and a reason."""


def shows_success(instance: ComputeInstance, job: JobRecord, policy: Policy) -> bool:
    """Whether *instance* shows that the playbook of EDA *job* is done."""
    if job.type is JobType.PROVISION:
        awaited = job.awaits or job.config_version
        return bool(awaited) and instance.reported_version == awaited
    return not held_by_playbook(instance, policy)


def to_be_reported(intent: Provision) -> str:
    """What the playbook of *intent* shall report, if its config version stands on the resource already, where
    an earlier one has left it; empty otherwise."""
    annotations = (intent.resource or {}).get("metadata", {}).get("annotations") or {}
    if not str(annotations.get(RECONCILED_ANNOTATION, "")).startswith(intent.config_version):
        return ""
    return f"{intent.config_version}-{intent.number}"


def held_by_playbook(instance: ComputeInstance, policy: Policy) -> bool:
    """Whether a playbook has its finalizer on *instance*: it made something, and has not removed it."""
    return not set(policy.playbook_finalizers).isdisjoint(instance.metadata.finalizers)


def expires_at(job: JobRecord, policy: Policy) -> datetime | None:
    """When EDA *job* has failed if its playbook has left nothing by then; None if it never has."""
    limit = policy.eda_job_timeout
    if job.reason == WEBHOOK_UNANSWERED:
        limit = policy.eda_resend_after if limit is None else min(limit, policy.eda_resend_after)
    return None if limit is None else later(job.timestamp, limit)


def awaited_until(instance: ComputeInstance, job: JobRecord, policy: Policy) -> datetime:
    """Until when a deletion of *instance* waits for EDA *job*, whose playbook may be at work."""
    began = max(job.timestamp, instance.metadata.deletion_timestamp or job.timestamp)
    return later(began, policy.eda_patience)


def sent(record: JobRecord, now: datetime, *, answered: bool) -> JobRecord:
    """*record*, whose webhook was sent."""
    reason = WEBHOOK_SENT if answered else WEBHOOK_UNANSWERED
    return replace(
        succeeding(record, now),
        job_id=eda_job_id(record.number),
        state=JobState.UNKNOWN,
        reason=reason,
        message=TEXTS[reason],
    )


def over(last: JobEvent, outcome: JobState, now: datetime) -> JobEvent:
    """The event that closes the job of *last* with *outcome*, one of `OUTCOMES`."""
    event, reason = OUTCOMES[outcome]
    job = replace(
        succeeding(last.job, now),
        job_id=last.job.job_id or eda_job_id(last.job.number),
        state=outcome,
        reason=reason,
        message=TEXTS[reason] if reason else job_message(last.job.type, outcome),
        finished_at=now,
    )
    return JobEvent(event=event, instance=last.instance, job=job)


def eda_job_id(number: int) -> str:
    """What the status calls EDA job *number*: EDA has no name for it."""
    return f"eda-webhook-{number}"
