"""What the status says comes next is what is decided, in every situation."""

from collections.abc import Callable, Iterable

from cloudkit.contracts.instance import ComputeInstance
from cloudkit.lifecycle import decide as rules
from cloudkit.lifecycle.decide import RULES, Decision, Rule, decide
from cloudkit.lifecycle.situation import Situation
from unit.lifecycle.everything import BOTH_RUN, everything, some
from unit.lifecycle.specimens import NOW, reported

RESTS = frozenset(
    {
        *("Settled", "Unmanaged", "Paused"),
        *("Canceled", "AttemptsUsedUp", "NoPlaybookFinalizer", "RemovedAndRestored"),
    }
)
ACTIVE = frozenset({"JobActive"})
TRIED = frozenset({"Launching", "BackingOff"})
"""Backing off is said until the job is there, also when the time has come."""

REASONS: dict[Rule, frozenset[str]] = {
    rules.leave_an_unmanaged_instance_to_people: frozenset({"Unmanaged", "Settled"}),
    rules.believe_what_the_playbook_left: frozenset({"JobActive", "AwaitingPlaybook"}),
    rules.abandon_what_people_gave_up: frozenset({"JobActive", "AwaitingPlaybook"}),
    rules.let_a_playbook_finish_before_cleaning_up: frozenset({"AwaitingPlaybook"}),
    rules.fail_what_left_nothing_in_time: ACTIVE,
    rules.stop_what_runs_before_cleaning_up: ACTIVE,
    rules.wait_for_the_active_job: ACTIVE,
    rules.release_after_a_successful_cleanup: frozenset({"Releasing"}),
    rules.leave_what_came_back_without_its_machine_to_people: frozenset({"RemovedAndRestored"}),
    rules.let_playbooks_remove_what_aap_has_made: TRIED | {"Settled", "Canceled", "AttemptsUsedUp"},
    rules.leave_a_canceled_job_to_people: frozenset({"Canceled"}),
    rules.stop_after_the_last_attempt: frozenset({"AttemptsUsedUp"}),
    rules.wait_before_trying_again: frozenset({"BackingOff"}),
    rules.remove_the_machine: TRIED,
    rules.provision_what_the_spec_asks_for: TRIED,
    rules.leave_a_settled_instance_alone: frozenset({"Settled"}),
}
"""What may be said where each rule is the first that applies."""


def over(
    subjects: Iterable[ComputeInstance], check: Callable[[ComputeInstance, Rule, Decision], None]
) -> None:
    """*check* each instance of ours with its status up to date, the rule that applies, what it decides."""
    for subject in subjects:
        if subject.adopted:
            seen = reported(subject, BOTH_RUN)
            situation = Situation(seen, NOW, BOTH_RUN)
            rule = next(rule for rule in RULES if rule(situation) is not None)
            check(seen, rule, decide(seen, NOW, BOTH_RUN))


def test_what_is_said_is_what_is_decided() -> None:
    met: set[Rule] = set()

    def check(seen: ComputeInstance, rule: Rule, decision: Decision) -> None:
        met.add(rule)
        conditions = {condition.type: condition for condition in seen.status.conditions}
        progressing = conditions["Progressing"]
        assert progressing.reason in REASONS[rule], (rule, decision.because)
        assert progressing.status == ("False" if progressing.reason in RESTS else "True")
        assert progressing.message
        if "Stalled" in conditions and decision.write is None:
            assert decision.intents == ()
            assert decision.wake_at is None

    over(everything(), check)
    assert met == set(REASONS)


def test_the_time_of_the_next_try_is_when_it_is_looked_at_again() -> None:
    waiting = 0

    def check(seen: ComputeInstance, rule: Rule, decision: Decision) -> None:
        nonlocal waiting
        if rule is rules.wait_before_trying_again:
            waiting += 1
            assert seen.status.next_retry_at == decision.wake_at
        elif decision.wake_at is None:
            assert seen.status.next_retry_at is None

    over(some(), check)
    assert waiting > 100


def test_it_is_looked_at_again_when_something_goes_on() -> None:
    def check(seen: ComputeInstance, _: Rule, decision: Decision) -> None:
        [progressing] = [c for c in seen.status.conditions if c.type == "Progressing"]
        assert (decision.wake_at is not None) >= (progressing.status == "True")

    over(some(), check)
