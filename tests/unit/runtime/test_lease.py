"""The rules of a Lease."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cloudkit.runtime.lease import LeaseSpec, LeaseTimes, Sighting, given_up, held_by, sighted

TIMES = LeaseTimes(duration=10, renew_deadline=7, retry=2)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=30)

FIRST = held_by("a", TIMES, None, NOON)
RENEWED = held_by("a", TIMES, FIRST, LATER)
TAKEN = held_by("b", TIMES, FIRST, LATER)

FREE = {
    "a lease that somebody holds is free when it was seen unchanged for its duration": (FIRST, 10.0),
    "its holder says for how long, whatever we are told": (
        msgspec.structs.replace(FIRST, lease_duration_seconds=60),
        60.0,
    ),
    "a lease that was given up is free at once": (given_up(FIRST, NOON), 0.0),
    "one that says nothing is free at once": (LeaseSpec(), 0.0),
    "a holder that does not say for how long has no time": (LeaseSpec(holder_identity="a"), 0.0),
}


@pytest.mark.parametrize(("spec", "after"), FREE.values(), ids=FREE)
def test_when_it_is_free(spec: LeaseSpec, after: float) -> None:
    assert Sighting(spec, since=100).free_at == 100 + after


def test_what_looks_the_same_was_seen_since_it_first_did() -> None:
    before = Sighting(FIRST, since=100)
    assert sighted(FIRST, before, now=105) == before


def test_any_change_begins_its_time_anew_by_our_own_clock() -> None:
    before = Sighting(FIRST, since=100)
    assert sighted(RENEWED, before, now=105) == Sighting(RENEWED, since=105)


def test_who_takes_it_says_since_when_and_counts_the_change() -> None:
    assert (TAKEN.holder, TAKEN.acquire_time, TAKEN.renew_time) == ("b", *["2026-01-01T12:00:30.000000Z"] * 2)
    assert (FIRST.lease_transitions, TAKEN.lease_transitions) == (0, 1)


def test_who_renews_it_keeps_since_when_and_counts_nothing() -> None:
    assert (RENEWED.acquire_time, RENEWED.renew_time) == (FIRST.acquire_time, "2026-01-01T12:00:30.000000Z")
    assert RENEWED.lease_transitions == 0


def test_taking_it_from_nobody_counts_as_well() -> None:
    assert held_by("b", TIMES, given_up(TAKEN, LATER), LATER).lease_transitions == 2


def test_part_of_a_second_is_a_whole_one_to_kubernetes() -> None:
    assert held_by("a", LeaseTimes(duration=1.5), None, NOON).lease_duration_seconds == 2
