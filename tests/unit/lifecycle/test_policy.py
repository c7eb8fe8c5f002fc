"""How patient, and with whom."""

from datetime import timedelta

import pytest

from cloudkit.contracts.instance import PROVIDER_ANNOTATION
from cloudkit.contracts.jobs import Provider
from cloudkit.lifecycle.policy import Policy
from unit.lifecycle.specimens import BOTH, POLICY, instance


@pytest.mark.parametrize(
    ("attempt", "minutes"), [(1, 2), (2, 4), (3, 8), (4, 16), (5, 30), (6, 30), (1_000_000, 30)]
)
def test_the_wait_doubles_from_two_minutes_to_half_an_hour(attempt: int, minutes: int) -> None:
    assert POLICY.backoff(attempt, "vm") == timedelta(minutes=minutes)


@pytest.mark.parametrize("attempt", [0, -3])
def test_an_attempt_that_nobody_counted_waits_like_the_first(attempt: int) -> None:
    assert POLICY.backoff(attempt, "vm") == timedelta(minutes=2)


def test_what_failed_together_is_not_tried_again_together() -> None:
    waits = {Policy().backoff(1, f"vm-{number}") for number in range(100)}
    assert len(waits) == 100
    assert timedelta(minutes=2) <= min(waits) < max(waits) <= timedelta(minutes=2, seconds=12)


def test_whoever_asks_how_long_an_instance_waits_is_told_the_same() -> None:
    assert Policy().backoff(3, "vm") == Policy().backoff(3, "vm")


def test_the_longest_waits_that_can_be_set_do_not_overflow() -> None:
    policy = Policy(retry_base=timedelta(days=365), retry_max=timedelta(days=3650), retry_jitter=0)
    assert policy.backoff(100, "vm") == timedelta(days=3650)


def test_an_annotation_chooses_among_the_providers_that_run_here() -> None:
    subject = instance(annotations={PROVIDER_ANNOTATION: "eda"})
    assert Policy(providers=BOTH).provider_for(subject) is Provider.EDA
    assert Policy().provider_for(subject) is Provider.AAP
