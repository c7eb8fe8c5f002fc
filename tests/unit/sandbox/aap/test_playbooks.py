"""Which rule answers for which part of a plan, and which machine extra_vars speak of."""

import msgspec
import pytest

from sandbox.aap.playbooks import Outcome, Playbooks, Rule
from sandbox.aap.settings import Settings
from sandbox.aap.subjects import Purpose, Subject, purpose_of, read_subject

RESOURCE = {"metadata": {"namespace": "ns", "name": "vm", "uid": "u1"}, "spec": {"vcpu": 4}}
VM = Subject(namespace="ns", name="vm", uid="u1", vcpu=4)


def test_each_answer_comes_from_the_first_rule_that_gives_it() -> None:
    playbooks = Playbooks(Settings(job_seconds=5))
    playbooks.put_first([Rule(name="vm*", seconds=9), Rule(seconds=1, outcome=Outcome.FAILED)])

    play = playbooks.plan("create", Purpose.PROVISION, VM)

    assert (play.seconds, play.outcome) == (9, Outcome.FAILED)


def test_newer_rules_come_before_older_ones() -> None:
    playbooks = Playbooks(Settings())
    playbooks.put_first([Rule(seconds=1)])
    playbooks.put_first([Rule(seconds=2)])

    assert playbooks.plan("create", Purpose.PROVISION, VM).seconds == 2


@pytest.mark.parametrize(
    ("rule", "matches"),
    {
        "another template": (Rule(template="delete-*"), False),
        "another purpose": (Rule(purpose=Purpose.DEPROVISION), False),
        "another name": (Rule(name="db-*"), False),
        "not enough of it": (Rule(vcpu_above=4), False),
        "more than that": (Rule(vcpu_above=3), True),
        "everything": (Rule(), True),
    }.values(),
)
def test_what_a_rule_matches(rule: Rule, matches: bool) -> None:
    assert rule.matches("create-vm", Purpose.PROVISION, VM) is matches


def test_slow_names_fail_or_succeed_as_others_do() -> None:
    playbooks = Playbooks(Settings())

    play = playbooks.plan("create", Purpose.PROVISION, Subject(name="a-slow-fail"))

    assert (play.seconds, play.outcome) == (60, Outcome.FAILED)


@pytest.mark.parametrize(
    ("extra_vars", "subject"),
    {
        "as EDA sent it": ({"ansible_eda": {"event": {"payload": RESOURCE}}}, VM),
        "as OSAC sends it": ({"osac_job_vars": {"resource": RESOURCE}}, VM),
        "with a number": ({"cloudkit_job": "ns/vm/u1/1"}, Subject(number="ns/vm/u1/1")),
        "about nothing": ({}, Subject()),
        "about nonsense": ({"ansible_eda": [1]}, Subject()),
    }.values(),
)
def test_the_machine_is_found_in_extra_vars(extra_vars: dict[str, object], subject: Subject) -> None:
    assert read_subject(msgspec.json.encode(extra_vars)) == subject


@pytest.mark.parametrize(
    ("name", "purpose"),
    [
        ("innabox-create-compute-instance", Purpose.PROVISION),
        ("innabox-delete-compute-instance", Purpose.DEPROVISION),
        ("deprovision-vm", Purpose.DEPROVISION),
        ("hello-world", Purpose.OTHER),
    ],
)
def test_a_templates_name_tells_its_purpose(name: str, purpose: Purpose) -> None:
    assert purpose_of(name) is purpose
