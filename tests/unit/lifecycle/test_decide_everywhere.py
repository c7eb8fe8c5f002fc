"""What holds for every decision, whatever the instance: one cross product over all inputs."""

from datetime import timedelta

from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.intents import Cancel, Confirm, Deprovision, Follow, Provision, Reconcile
from cloudkit.contracts.jobs import JobState, JobType, Provider
from cloudkit.contracts.subjects import ADDRESSEE_OF, Addressee
from cloudkit.lifecycle.decide import RULES, Decision, Write, decide
from cloudkit.lifecycle.situation import Situation
from unit.lifecycle.everything import BOTH_RUN, everything
from unit.lifecycle.specimens import NOW, A, reported, version


def check(subject: ComputeInstance) -> None:
    decision = decide(subject, NOW, BOTH_RUN)
    _is_that_of_the_first_rule_that_applies(subject, decision)
    _is_repeated_or_waits_on_purpose(subject, decision)
    _launches_the_right_thing(subject, decision)
    _writes_only_what_is_safe(subject, decision)
    assert decision == decide(subject, NOW, BOTH_RUN)


def _is_that_of_the_first_rule_that_applies(subject: ComputeInstance, decision: Decision) -> None:
    situation = Situation(subject, NOW, BOTH_RUN)
    applying = [made for rule in RULES if (made := rule(situation)) is not None]
    assert decision.because == applying[0].because
    added = set(map(_addressed, decision.intents)) - set(map(_addressed, applying[0].intents))
    assert added <= {(Addressee.STATUS, "Reconcile")}


def _addressed(asked: tuple[Addressee, object]) -> tuple[Addressee, str]:
    return asked[0], type(asked[1]).__name__


def _is_repeated_or_waits_on_purpose(subject: ComputeInstance, decision: Decision) -> None:
    situation = Situation(subject, NOW, BOTH_RUN)
    urgent = [intent for _, intent in decision.intents if not isinstance(intent, Follow)]
    if urgent:
        assert decision.wake_at is not None
        assert decision.wake_at - NOW <= timedelta(seconds=60)
    if decision.wake_at is not None:
        assert timedelta(0) < decision.wake_at - NOW <= 2 * BOTH_RUN.retry_max
        return
    job = situation.last_try
    people_or_a_change = (
        (subject.deleting and not situation.ours)
        or (subject.unmanaged and not subject.deleting)
        or (not subject.deleting and situation.in_sync)
        or situation.came_back
        or (job is not None and job.state is JobState.CANCELED)
        or (job is not None and job.closed and job.attempt >= BOTH_RUN.max_attempts)
    )
    assert people_or_a_change, "nobody will ever look at it again"


def _launches_the_right_thing(subject: ComputeInstance, decision: Decision) -> None:
    newest = max(subject.jobs, key=lambda job: job.number, default=None)
    active = newest is not None and not newest.closed
    for addressee, intent in decision.intents:
        match intent:
            case Provision():
                assert subject.adopted
                assert not subject.deleting
                assert not active
                assert not subject.unmanaged
                assert intent.number == (newest.number + 1 if newest else 1)
                assert intent.attempt <= BOTH_RUN.max_attempts
                assert not _canceled_by_people(subject)
                assert newest is None or newest.type is JobType.PROVISION
                assert addressee is ADDRESSEE_OF[BOTH_RUN.provider_for(subject)]
            case Deprovision():
                assert Situation(subject, NOW, BOTH_RUN).ours
                assert subject.deleting
                assert not _canceled_by_people(subject)
                assert not active or (newest is not None and newest.type is JobType.PROVISION)
                assert intent.number == (newest.number + 1 if newest else 1)
                assert addressee is ADDRESSEE_OF[Situation(subject, NOW, BOTH_RUN).provider]
                # Nobody says that nothing is to be removed of what AAP, or a playbook, has made.
                by_aap = any(job.provider is Provider.AAP for job in subject.jobs)
                assert not intent.nothing_to_remove or not (by_aap or len(subject.metadata.finalizers) > 1)
            case Confirm():
                assert newest is not None
                assert active
                assert newest.provider is Provider.EDA
                assert (addressee, intent.number) == (Addressee.EDA, newest.number)
            case Cancel() | Follow():
                assert Situation(subject, NOW, BOTH_RUN).ours
                assert newest is not None
                assert active
                assert intent.number == newest.number
                assert addressee is ADDRESSEE_OF[newest.provider]
            case Reconcile():
                assert addressee is Addressee.STATUS


def _canceled_by_people(subject: ComputeInstance) -> bool:
    """Whether people stopped the last job for just this, and have not asked again since."""
    type = JobType.DEPROVISION if subject.deleting else JobType.PROVISION
    tries = [job for job in subject.jobs if job.type is type]
    if not tries or tries[-1].state is not JobState.CANCELED or subject.retry_requested_at:
        return False
    return subject.deleting or tries[-1].config_version == version(A)


def _writes_only_what_is_safe(subject: ComputeInstance, decision: Decision) -> None:
    if decision.write is Write.ADOPT:
        assert not subject.adopted
        assert not subject.deleting
        assert decision.intents == ((Addressee.STATUS, Reconcile(instance=subject.ref)),)
    if decision.write is Write.MARK:
        assert subject.adopted
        assert not subject.deleting
        assert all(job.closed for job in subject.jobs)
    if decision.write is Write.RELEASE:
        newest = max(subject.jobs, key=lambda job: job.number)
        assert Situation(subject, NOW, BOTH_RUN).ours
        assert subject.deleting
        assert (newest.type, newest.state) == (JobType.DEPROVISION, JobState.SUCCEEDED)


def test_every_decision_is_safe_and_none_is_forgotten() -> None:
    count = 0
    for subject in everything():
        check(subject)
        count += 1
    assert count > 10_000


def test_once_the_status_is_written_nothing_asks_for_it_again() -> None:
    for subject in everything():
        if subject.adopted:
            settled = reported(subject, BOTH_RUN)
            decision = decide(settled, NOW, BOTH_RUN)
            if decision.write is None:
                assert not any(isinstance(intent, Reconcile) for _, intent in decision.intents)
