"""Say what brings an instance one step forward.

`RULES` is the table of contents of the whole system: ordered, and the first rule that applies wins.
The watcher carries out a decision's intents; the status-writer makes the same decision on the live
resource and carries out its ``write``.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.intents import Cancel, Confirm, Deprovision, Follow, Intent, Provision, Reconcile
from cloudkit.contracts.jobs import JobRecord, JobState, JobType, Provider
from cloudkit.contracts.subjects import ADDRESSEE_OF, Addressee
from cloudkit.lifecycle.evidence import expires_at, held_by_playbook, shows_success
from cloudkit.lifecycle.payload import playbook_resource
from cloudkit.lifecycle.policy import Policy
from cloudkit.lifecycle.project import project
from cloudkit.lifecycle.situation import Situation


class Write(StrEnum):
    """What the status-writer does to the resource's finalizers."""

    ADOPT = "adopt"
    """Put our finalizer on it."""
    MARK = "mark"
    """Put a playbook's finalizer on it, so that EDA can be seen to remove what AAP has made."""
    RELEASE = "release"
    """Take our finalizer, and what playbooks left behind, off it."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What to do about an instance, and when to look again (None: when it changes).

    ``withdraw``: what was asked for before is not wanted any more.
    """

    because: str
    intents: tuple[tuple[Addressee, Intent], ...] = ()
    wake_at: datetime | None = None
    write: Write | None = None
    withdraw: bool = False


Rule: TypeAlias = Callable[[Situation], Decision | None]


def decide(instance: ComputeInstance, now: datetime, policy: Policy) -> Decision:
    """Say what brings *instance* one step forward. Raises `Malformed` if its spec is no object."""
    situation = Situation(instance, now, policy)
    decisions = (rule(situation) for rule in RULES)
    first = next(decision for decision in decisions if decision is not None)
    first = msgspec.structs.replace(first, withdraw=situation.paused or situation.left_alone)
    return _keep_the_status_up_to_date(first, situation)


def leave_a_released_instance_alone(s: Situation) -> Decision | None:
    if s.deleting and not s.ours:
        return Decision(because="it is being deleted and not ours to hold")
    return None


def leave_an_unmanaged_instance_to_people(s: Situation) -> Decision | None:
    if not s.left_alone or s.active is not None:
        return None
    if s.newest is not None and not s.instance.adopted:
        return None  # It has a machine of ours, which must not be forgotten when it is deleted.
    return Decision(because="it is unmanaged: people look after it")


def adopt_before_anything_runs(s: Situation) -> Decision | None:
    if s.instance.adopted or s.deleting:
        return None
    return _reconcile(s, because="it has no finalizer of ours yet", write=Write.ADOPT)


def believe_what_the_playbook_left(s: Situation) -> Decision | None:
    job = s.active_webhook
    if job is None or not shows_success(s.instance, job, s.policy):
        return None
    return _confirm(s, job, JobState.SUCCEEDED, because=f"its playbook has done job {job.number}")


def abandon_what_people_gave_up(s: Situation) -> Decision | None:
    job = s.active_webhook
    if job is None or s.instance.abandoned_job != str(job.number):
        return None
    return _confirm(s, job, JobState.UNKNOWN, because=f"people have given up job {job.number}")


def let_a_playbook_finish_before_cleaning_up(s: Situation) -> Decision | None:
    job = s.awaited
    if job is None:
        return None
    if s.awaited_until <= s.now:
        return _confirm(s, job, JobState.UNKNOWN, because=f"nothing was heard of job {job.number}")
    return Decision(
        because=f"it is being deleted, and the playbook of job {job.number} may be at work",
        wake_at=s.awaited_until,
    )


def fail_what_left_nothing_in_time(s: Situation) -> Decision | None:
    job = s.active_webhook
    if job is None or (expiry := expires_at(job, s.policy)) is None or expiry > s.now:
        return None
    return _confirm(s, job, JobState.FAILED, because=f"nothing was heard of job {job.number} in time")


def stop_what_runs_before_cleaning_up(s: Situation) -> Decision | None:
    job = s.active
    if not s.deleting or s.paused or job is None or job.type is JobType.DEPROVISION:
        return None
    if job.provider is s.provider:
        return _deprovision(s, because=f"it is being deleted while job {job.number} runs")
    return Decision(
        because=f"job {job.number} of another provider must end before the machine can go",
        intents=((ADDRESSEE_OF[job.provider], Cancel(**_about(s, job.number))),),
        wake_at=s.now + s.policy.repeat_after,
    )


def wait_for_the_active_job(s: Situation) -> Decision | None:
    job = s.active
    if job is None:
        return None
    again = s.now + s.policy.follow_after
    expiry = None if s.active_webhook is None else expires_at(job, s.policy)
    return Decision(
        because=f"job {job.number} is {job.state.lower()}",
        intents=(_follow(s, job),) if s.without_news else (),
        wake_at=min(again, expiry or again),
    )


def release_after_a_successful_cleanup(s: Situation) -> Decision | None:
    if not s.deleting or not s.removed:
        return None
    return _reconcile(s, because="its machine is gone", write=Write.RELEASE)


def leave_what_came_back_without_its_machine_to_people(s: Situation) -> Decision | None:
    if not s.came_back:
        return None
    return Decision(because="it came back from a backup after its cleanup had begun: a person has to look")


def let_playbooks_remove_what_aap_has_made(s: Situation) -> Decision | None:
    if s.provider is not Provider.EDA or not s.only_aap_can_remove:
        return None
    return _reconcile(
        s, because="no playbook's finalizer is on it: EDA could not remove it", write=Write.MARK
    )


def start_nothing_while_it_is_paused(s: Situation) -> Decision | None:
    if not s.paused or (s.settled and not s.deleting):
        return None
    return Decision(because="it is paused: people have a reason")


def leave_a_canceled_job_to_people(s: Situation) -> Decision | None:
    if not s.canceled:
        return None
    return Decision(because="its job was canceled in AAP: whoever did that has a reason")


def stop_after_the_last_attempt(s: Situation) -> Decision | None:
    if not s.given_up:
        return None
    return Decision(because=f"{s.work} failed {s.policy.max_attempts} times: a person has to look")


def wait_before_trying_again(s: Situation) -> Decision | None:
    if s.next_try_at is None or s.next_try_at <= s.now:
        return None
    return Decision(because="its job failed: trying again after a while", wake_at=s.next_try_at)


def hold_what_nobody_here_can_remove(s: Situation) -> Decision | None:
    if not s.beyond_reach:
        return None
    return Decision(because="AAP made its machine, and only EDA runs here")


def remove_the_machine(s: Situation) -> Decision | None:
    return _deprovision(s, because="it is being deleted") if s.deleting else None


def provision_what_the_spec_asks_for(s: Situation) -> Decision | None:
    if s.settled:
        return None
    provision = Provision(
        **_about(s, s.next_number),
        config_version=s.version,
        restart_requested_at=s.instance.restart_requested_at,
        attempt=s.next_attempt,
        resource=playbook_resource(s.instance, s.version),
    )
    wish = "a restart is asked for" if s.in_sync else "its spec is not applied yet"
    return _ask(s, provision, because=wish)


def leave_a_settled_instance_alone(_: Situation) -> Decision | None:
    return Decision(because="its spec is applied")


RULES: tuple[Rule, ...] = (
    leave_a_released_instance_alone,
    leave_an_unmanaged_instance_to_people,
    adopt_before_anything_runs,
    believe_what_the_playbook_left,
    abandon_what_people_gave_up,
    let_a_playbook_finish_before_cleaning_up,
    fail_what_left_nothing_in_time,
    stop_what_runs_before_cleaning_up,
    wait_for_the_active_job,
    release_after_a_successful_cleanup,
    leave_what_came_back_without_its_machine_to_people,
    hold_what_nobody_here_can_remove,
    let_playbooks_remove_what_aap_has_made,
    start_nothing_while_it_is_paused,
    leave_a_canceled_job_to_people,
    stop_after_the_last_attempt,
    wait_before_trying_again,
    remove_the_machine,
    provision_what_the_spec_asks_for,
    leave_a_settled_instance_alone,
)


def _deprovision(s: Situation, because: str) -> Decision:
    deprovision = Deprovision(
        **_about(s, s.next_number),
        attempt=s.next_attempt,
        resource=playbook_resource(s.instance, s.version),
        nothing_to_remove=s.provider is Provider.EDA and not held_by_playbook(s.instance, s.policy),
    )
    return _ask(s, deprovision, because)


def _follow(s: Situation, job: JobRecord) -> tuple[Addressee, Intent]:
    return _whoever_serves(s, job), Follow(**_about(s, job.number))


def _confirm(s: Situation, job: JobRecord, outcome: JobState, because: str) -> Decision:
    confirm = Confirm(**_about(s, job.number), outcome=outcome)
    return Decision(
        because=because,
        intents=((_whoever_serves(s, job), confirm),),
        wake_at=s.now + s.policy.repeat_after,
    )


def _whoever_serves(s: Situation, job: JobRecord) -> Addressee:
    """Who answers for *job*: its provider, or, where that runs no longer, the one that does. Whatever
    needs no provider, it can do as well."""
    here = job.provider if job.provider in s.policy.providers else s.policy.provider
    return ADDRESSEE_OF[here]


def _about(s: Situation, number: int) -> dict[str, Any]:
    """What every intent to a provider says of the instance."""
    return {
        "instance": s.instance.ref,
        "born": s.instance.metadata.creation_timestamp,
        "newest": s.newest,
        "launch": s.instance.status.launch,
        "retry_requested_at": s.instance.retry_requested_at,
        "number": number,
    }


def _ask(s: Situation, intent: Intent, because: str) -> Decision:
    again = s.now + s.policy.repeat_after
    return Decision(because=because, intents=((ADDRESSEE_OF[s.provider], intent),), wake_at=again)


def _reconcile(s: Situation, because: str, write: Write) -> Decision:
    return Decision(
        because=because,
        intents=(_to_status_writer(s),),
        wake_at=s.now + s.policy.repeat_after,
        write=write,
    )


def _to_status_writer(s: Situation) -> tuple[Addressee, Intent]:
    return Addressee.STATUS, Reconcile(instance=s.instance.ref)


def _keep_the_status_up_to_date(decision: Decision, s: Situation) -> Decision:
    """Whatever is decided, the status must not tell of an older spec, or what somebody else wrote into it."""
    if not s.ours or decision.write is not None:
        return decision
    if project(s.instance, (), s.now, s.policy) == s.instance.status:
        return decision
    again = s.now + s.policy.repeat_after
    return msgspec.structs.replace(
        decision,
        intents=(*decision.intents, _to_status_writer(s)),
        wake_at=min(decision.wake_at or again, again),
    )
