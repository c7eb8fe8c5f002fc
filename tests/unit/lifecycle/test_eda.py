"""What happens next with jobs of EDA, of which only the resource tells."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.instance import (
    ABANDON_ANNOTATION,
    FINALIZER,
    PLAYBOOK_FINALIZERS,
    RECONCILED_ANNOTATION,
    ComputeInstance,
)
from cloudkit.contracts.intents import Confirm, Deprovision, Intent, Provision, Reconcile
from cloudkit.contracts.jobs import JobRecord, JobState, Provider
from cloudkit.lifecycle.decide import Decision, decide
from cloudkit.lifecycle.evidence import eda_job_id, over, sent
from cloudkit.lifecycle.policy import Policy
from unit.lifecycle.specimens import (
    BOTH,
    LONG_AGO,
    NOW,
    POLICY,
    A,
    B,
    deprovision,
    happened,
    instance,
    learned,
    provision,
    reported,
    version,
)

EDA = replace(POLICY, provider=Provider.EDA, providers=frozenset({Provider.EDA}))
EDA_AND_AAP = replace(EDA, providers=BOTH)
AAP = POLICY
UNKNOWN, FAILED, SUCCEEDED, RUNNING = JobState.UNKNOWN, JobState.FAILED, JobState.SUCCEEDED, JobState.RUNNING
MINUTE = timedelta(minutes=1)
HELD = (FINALIZER, PLAYBOOK_FINALIZERS[0])
DONE_A = {RECONCILED_ANNOTATION: version(A)}


def webhook(number: int = 1, state: JobState = UNKNOWN, **fields: object) -> JobRecord:
    """A provision job of EDA, sent a minute ago."""
    usual = {"timestamp": NOW - MINUTE, "provider": Provider.EDA, "job_id": eda_job_id(number)}
    return provision(number, state, **{**usual, **fields})


def cleanup(number: int = 2, state: JobState = UNKNOWN, **fields: object) -> JobRecord:
    """A deprovision job of EDA, sent a minute ago."""
    usual = {"timestamp": NOW - MINUTE, "provider": Provider.EDA, "job_id": eda_job_id(number)}
    return deprovision(number, state, **{**usual, **fields})


CASES: dict[str, tuple[ComputeInstance, Policy, tuple[str, ...]]] = {
    "a new instance is provisioned by a webhook": (instance(), EDA, ("Provision 1 to eda",)),
    "a webhook whose playbook has left nothing yet is waited for": (instance(webhook()), EDA, ()),
    "the annotation with the job's version is the end of a provision job": (
        instance(webhook(), annotations=DONE_A),
        EDA,
        ("Confirm 1 Succeeded to eda",),
    ),
    "the annotation of another version is not": (
        instance(webhook(), annotations={RECONCILED_ANNOTATION: version(B)}),
        EDA,
        (),
    ),
    "a version that an earlier playbook has reported is not the answer of this one": (
        instance(webhook(3, awaits=f"{version(A)}-3"), annotations=DONE_A),
        EDA,
        (),
    ),
    "a playbook that was given a version of its own reports that": (
        instance(
            webhook(3, awaits=f"{version(A)}-3"), annotations={RECONCILED_ANNOTATION: f"{version(A)}-3"}
        ),
        EDA,
        ("Confirm 3 Succeeded to eda",),
    ),
    "a playbook that did not know its version shows nothing": (
        instance(webhook(), annotations={RECONCILED_ANNOTATION: "unknown"}),
        EDA,
        (),
    ),
    "a playbook that finishes after the spec has changed again ends its own job": (
        instance(webhook(), spec=B, annotations=DONE_A),
        EDA,
        ("Confirm 1 Succeeded to eda",),
    ),
    "a spec that changed while a playbook is awaited waits, too": (instance(webhook(), spec=B), EDA, ()),
    "a spec that changed since is provisioned once the job is over": (
        instance(webhook(state=SUCCEEDED), spec=B, annotations=DONE_A),
        EDA,
        ("Provision 2 to eda",),
    ),
    "a playbook that never comes has failed after two hours": (
        instance(webhook(timestamp=NOW - timedelta(hours=2))),
        EDA,
        ("Confirm 1 Failed to eda",),
    ),
    "a playbook that never comes is waited for for ever, if that is wanted": (
        instance(webhook(timestamp=NOW - 3 * MINUTE)),
        replace(EDA, eda_job_timeout=None),
        (),
    ),
    "a webhook that nobody answered has failed sooner": (
        instance(webhook(timestamp=NOW - 10 * MINUTE, reason="WebhookUnanswered")),
        EDA,
        ("Confirm 1 Failed to eda",),
    ),
    "a job that left nothing is tried again by the usual policy": (
        instance(webhook(state=FAILED, reason="NoEvidence", timestamp=LONG_AGO)),
        EDA,
        ("Provision 2 to eda",),
    ),
    "a finalizer that a playbook dropped with its own list is put back": (
        instance(webhook(), finalizers=PLAYBOOK_FINALIZERS),
        EDA,
        ("Reconcile to status", "adopt"),
    ),
    "people may give up a job, by its number": (
        instance(webhook(), annotations={ABANDON_ANNOTATION: "1"}),
        EDA,
        ("Confirm 1 Unknown to eda",),
    ),
    "giving up another job changes nothing": (
        instance(webhook(), annotations={ABANDON_ANNOTATION: "7"}),
        EDA,
        (),
    ),
    "a job that people gave up is tried again after a while, as one that failed": (
        instance(webhook(finished_at=NOW, reason="Abandoned")),
        EDA,
        ("wake in 60 s",),
    ),
    "a job whose outcome nobody will ever learn keeps no newer spec from being applied": (
        instance(webhook(finished_at=NOW, reason="Abandoned"), spec=B),
        EDA,
        ("Provision 2 to eda",),
    ),
    "a deletion waits for a playbook that may be at work": (
        instance(webhook(), deleting=True),
        EDA,
        ("wake in 870 s",),
    ),
    "a deletion has waited long enough": (
        instance(webhook(timestamp=LONG_AGO), deleting=True),
        replace(EDA, eda_patience=MINUTE / 2),
        ("Confirm 1 Unknown to eda",),
    ),
    "a deletion goes on as soon as the playbook has answered": (
        instance(webhook(), deleting=True, annotations=DONE_A, finalizers=HELD),
        EDA,
        ("Confirm 1 Succeeded to eda",),
    ),
    "what a playbook holds is removed by a webhook": (
        instance(webhook(state=SUCCEEDED), deleting=True, annotations=DONE_A, finalizers=HELD),
        EDA,
        ("Deprovision 2 to eda",),
    ),
    "what no playbook holds is released without a webhook": (
        instance(webhook(state=UNKNOWN, finished_at=NOW), deleting=True),
        EDA,
        ("Deprovision 2 to eda, nothing to remove",),
    ),
    "an instance deleted before anything was sent is released without a webhook": (
        instance(deleting=True),
        EDA,
        ("Deprovision 1 to eda, nothing to remove",),
    ),
    "an instance that nobody knows a job of is cleaned up by AAP, where that runs: backups forget": (
        instance(deleting=True),
        EDA_AND_AAP,
        ("Deprovision 1 to aap",),
    ),
    "a cleanup is awaited while a playbook holds the instance": (
        instance(webhook(state=SUCCEEDED), cleanup(), deleting=True, finalizers=HELD),
        EDA,
        (),
    ),
    "a playbook that took its finalizer off has cleaned up": (
        instance(webhook(state=SUCCEEDED), cleanup(), deleting=True),
        EDA,
        ("Confirm 2 Succeeded to eda",),
    ),
    "a cleanup that leaves its finalizer has failed after two hours": (
        instance(cleanup(timestamp=NOW - timedelta(hours=3)), deleting=True, finalizers=HELD),
        EDA,
        ("Confirm 2 Failed to eda",),
    ),
    "a cleanup that succeeded releases the instance": (
        instance(webhook(state=SUCCEEDED), cleanup(state=SUCCEEDED), deleting=True),
        EDA,
        ("Reconcile to status", "release"),
    ),
    "a playbook that nobody expected any more holds the instance again: it is removed, too": (
        instance(cleanup(state=SUCCEEDED), deleting=True, finalizers=HELD),
        EDA,
        ("Deprovision 3 to eda",),
    ),
    "what came back from a backup is left to people, also when a playbook's finalizer came back with it": (
        instance(webhook(state=SUCCEEDED), cleanup(state=SUCCEEDED), annotations=DONE_A, finalizers=HELD),
        EDA,
        (),
    ),
    "and when it is deleted, its playbook takes that off": (
        instance(webhook(state=SUCCEEDED), cleanup(state=SUCCEEDED), deleting=True, finalizers=HELD),
        EDA,
        ("Deprovision 3 to eda",),
    ),
    "what came back while its cleanup was awaited waits for that as long as any": (
        instance(webhook(state=SUCCEEDED), cleanup(timestamp=NOW - timedelta(hours=3)), finalizers=HELD),
        EDA,
        ("Confirm 2 Failed to eda",),
    ),
    "a site that moved to AAP waits for the playbook of before": (
        instance(webhook(), deleting=True),
        AAP,
        ("wake in 870 s",),
    ),
    "a site that runs EDA no longer has its provider write down what became of the job": (
        instance(webhook(), annotations=DONE_A),
        AAP,
        ("Confirm 1 Succeeded to aap",),
    ),
    "what EDA made, AAP removes": (
        instance(webhook(state=SUCCEEDED), deleting=True, annotations=DONE_A, finalizers=HELD),
        AAP,
        ("Deprovision 2 to aap",),
    ),
    "AAP's cleanup releases what a playbook of EDA still holds": (
        instance(webhook(state=SUCCEEDED), deprovision(2), deleting=True, finalizers=HELD),
        AAP,
        ("Reconcile to status", "release"),
    ),
    "what AAP made gets a playbook's finalizer when a site moves to EDA": (
        instance(provision()),
        EDA,
        ("Reconcile to status", "mark"),
    ),
    "so does what a failed job of AAP may have left, while the next try is waited for": (
        instance(provision(state=FAILED, timestamp=NOW)),
        EDA,
        ("Reconcile to status", "mark"),
    ),
    "so does what is left to people after the last attempt": (
        instance(provision(5, FAILED, attempt=5, timestamp=LONG_AGO)),
        EDA,
        ("Reconcile to status", "mark"),
    ),
    "so does what a person canceled in AAP": (
        instance(provision(state=JobState.CANCELED, timestamp=LONG_AGO)),
        EDA,
        ("Reconcile to status", "mark"),
    ),
    "so does what EDA has failed to change since": (
        instance(provision(), webhook(2, FAILED, timestamp=NOW), spec=B),
        EDA,
        ("Reconcile to status", "mark"),
    ),
    "it is there before EDA is told of a new spec": (
        instance(provision(), spec=B),
        EDA,
        ("Reconcile to status", "mark"),
    ),
    "a job of AAP that still runs ends first": (instance(provision(state=RUNNING)), EDA, ()),
    "a failed job that AAP never launched has left nothing": (
        instance(provision(state=FAILED, timestamp=LONG_AGO, job_id="")),
        EDA,
        ("Provision 2 to eda",),
    ),
    "what failed is tried again by EDA once the finalizer is there": (
        instance(provision(state=FAILED, timestamp=LONG_AGO), finalizers=HELD),
        EDA,
        ("Provision 2 to eda",),
    ),
    "an instance that stays with AAP gets none": (
        instance(provision(5, FAILED, attempt=5, timestamp=LONG_AGO)),
        AAP,
        (),
    ),
    "what has a playbook's finalizer needs no other": (instance(provision(), finalizers=HELD), EDA, ()),
    "what AAP made and a playbook holds is removed by EDA": (
        instance(provision(), deleting=True, finalizers=HELD),
        EDA,
        ("Deprovision 2 to eda",),
    ),
    "what AAP made and no playbook holds is removed by AAP, where that still runs": (
        instance(provision(), deleting=True),
        EDA_AND_AAP,
        ("Deprovision 2 to aap",),
    ),
    "what AAP made, no playbook holds and nobody here can remove is held, for a person to see": (
        instance(provision(), deleting=True),
        EDA,
        (),
    ),
    "a job of AAP can be canceled by AAP alone, which may come back": (
        instance(provision(state=RUNNING), deleting=True, finalizers=HELD),
        EDA,
        ("Cancel 1 to aap",),
    ),
    "a job of AAP is canceled by AAP before EDA cleans up": (
        instance(provision(state=RUNNING), deleting=True, finalizers=HELD),
        EDA_AND_AAP,
        ("Cancel 1 to aap",),
    ),
}


def told(decision: Decision) -> tuple[str, ...]:
    """What *decision* asks of whom, what it writes, and if that is nothing, when it wakes up."""
    asked = tuple(f"{_name(intent, addressee)}" for addressee, intent in decision.intents)
    written = (decision.write.value,) if decision.write else ()
    if asked or decision.wake_at in (None, NOW + EDA.follow_after):
        return (*asked, *written)
    return (f"wake in {(decision.wake_at - NOW).total_seconds():.0f} s",)


def _name(intent: Intent, addressee: str) -> str:
    match intent:
        case Reconcile():
            return f"Reconcile to {addressee}"
        case Confirm():
            return f"Confirm {intent.number} {intent.outcome} to {addressee}"
        case Deprovision(nothing_to_remove=True):
            return f"Deprovision {intent.number} to {addressee}, nothing to remove"
        case Provision() | Deprovision():
            return f"{type(intent).__name__} {intent.number} to {addressee}"
        case _:
            return f"{type(intent).__name__} {intent.number} to {addressee}"


@pytest.mark.parametrize(("subject", "policy", "expected"), CASES.values(), ids=CASES)
def test_what_is_decided(subject: ComputeInstance, policy: Policy, expected: tuple[str, ...]) -> None:
    decision = decide(reported(subject, policy), NOW, policy)
    assert told(decision) == expected, decision.because


def shown(subject: ComputeInstance, type: str, policy: Policy = EDA) -> tuple[str, str]:
    """Status and reason of a condition."""
    conditions = {condition.type: condition for condition in reported(subject, policy).status.conditions}
    return conditions[type].status, conditions[type].reason


def test_the_resource_says_that_a_deletion_waits_for_a_playbook_and_how_to_end_that() -> None:
    waiting = reported(instance(webhook(), deleting=True), EDA)
    deprovisioned = next(one for one in waiting.status.conditions if one.type == "Deprovisioned")
    assert (deprovisioned.status, deprovisioned.reason) == ("False", "AwaitingPlaybook")
    assert f'{ABANDON_ANNOTATION}="1"' in deprovisioned.message


def test_the_resource_says_that_nobody_here_can_remove_the_machine() -> None:
    stuck = instance(provision(), deleting=True)
    assert shown(stuck, "Deprovisioned") == ("False", "NoPlaybookFinalizer")


def test_a_webhook_that_was_sent_shows_as_a_job_in_an_unknown_state() -> None:
    record = sent(replace(webhook(state=JobState.PENDING), job_id="", revision=1), NOW, answered=True)
    subject = learned(instance(), happened(record, JobEventName.LAUNCHED), policy=EDA)
    (job,) = subject.status.jobs
    assert (job.job_id, job.state, job.reason, job.revision) == ("eda-webhook-1", UNKNOWN, "WebhookSent", 2)
    assert shown(subject, "Provisioned") == ("Unknown", "WebhookSent")


@pytest.mark.parametrize(
    ("outcome", "event", "reason"),
    [
        (SUCCEEDED, JobEventName.SUCCEEDED, ""),
        (FAILED, JobEventName.FAILED, "NoEvidence"),
        (UNKNOWN, JobEventName.ABANDONED, "Abandoned"),
    ],
)
def test_a_job_is_over_in_one_of_three_ways(outcome: JobState, event: JobEventName, reason: str) -> None:
    ended = over(happened(webhook(), JobEventName.LAUNCHED), outcome, NOW)
    assert (ended.event, ended.job.state, ended.job.reason, ended.job.finished_at) == (
        event,
        outcome,
        reason,
        NOW,
    )
    assert ended.closed


def test_an_abandoned_provision_makes_nobody_believe_that_there_is_a_machine() -> None:
    abandoned = instance(webhook(state=UNKNOWN, finished_at=NOW, reason="Abandoned"))
    assert shown(abandoned, "Provisioned") == ("Unknown", "Abandoned")
    assert shown(abandoned, "Available") == ("False", "NotProvisioned")
