"""The simulation bites: each mistake of `simulation.bugs` is found within a bounded number of seeds."""

from simulation.bugs import BUGS
from simulation.hunt import BOUND, KNOWN, RARE, hunt


def test_every_mistake_is_found_within_a_bounded_number_of_seeds() -> None:
    assert [f"{bug}: in none of {BOUND} seeds" for bug, seed in hunt() if seed is None] == []


def test_no_mistake_is_forgotten() -> None:
    assert {*KNOWN, *RARE, ""} == set(BUGS)
