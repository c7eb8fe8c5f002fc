"""Polls meet, however their jobs were launched, and no job waits much longer than an interval."""

from collections import Counter

import pytest

from aap_poller.rounds import Rounds
from cloudkit.runtime.testing import ManualClock

INTERVAL = 30.0


def moments_of_next_polls(jobs: int) -> Counter[float]:
    """When *jobs* jobs that were launched evenly over an interval are polled for the first time."""
    clock = ManualClock()
    rounds, met = Rounds(clock, INTERVAL), Counter[float]()
    for _ in range(jobs):
        met[round(clock.monotonic() + rounds.next(jobs=jobs), 3)] += 1
        clock.pass_time(INTERVAL / jobs)
    return met


@pytest.mark.parametrize("jobs", [1, 50, 100, 199, 250, 600, 1_000, 10_000])
def test_polling_all_jobs_takes_one_request_for_fifty_of_them(jobs: int) -> None:
    requests = sum(-(-together // 100) for together in moments_of_next_polls(jobs).values())
    first_and_last = 2  # A round that lies half within the interval.
    assert requests <= jobs / 50 + first_and_last


def test_many_jobs_are_spread_over_the_interval() -> None:
    assert max(moments_of_next_polls(10_000).values()) <= 10_000 / 6 + 1


@pytest.mark.parametrize("jobs", [1, 1_000])
def test_a_job_that_was_polled_in_a_round_is_polled_again_exactly_an_interval_later(jobs: int) -> None:
    clock = ManualClock()
    rounds = Rounds(clock, INTERVAL)
    clock.pass_time(rounds.next(jobs=jobs))
    assert rounds.next(jobs=jobs) == pytest.approx(INTERVAL)


@pytest.mark.parametrize("late", [0.0, 2.0, 14.0])
def test_a_round_that_takes_long_does_not_move_the_next_one(late: float) -> None:
    clock = ManualClock()
    clock.pass_time(late)
    assert Rounds(clock, INTERVAL).next(jobs=1) == pytest.approx(INTERVAL - late)


def test_a_round_is_never_now() -> None:
    assert Rounds(ManualClock(), INTERVAL).next(jobs=1, age=INTERVAL) > 0


def test_an_aap_that_takes_long_is_asked_less_often() -> None:
    rounds = Rounds(ManualClock(), INTERVAL)
    for _ in range(100):
        rounds.took(2.0, jobs=100)
    assert rounds.next(jobs=10_000) == pytest.approx(400, rel=0.2)


def test_a_slow_answer_for_a_few_jobs_tells_little() -> None:
    rounds = Rounds(ManualClock(), INTERVAL)
    rounds.took(2.0, jobs=1)
    assert rounds.next(jobs=1_000) == pytest.approx(INTERVAL)
