"""The simulation bites: each mistake of `simulation.bugs` is found, and nothing else is.

A change of the services changes what happens in a seed. If these no longer find a mistake, look for others:

    PYTHONPATH=tests python -m simulation --bug no-recovery --seeds 60
"""

from collections import defaultdict

from simulation.bugs import BUGS
from simulation.run import run_seeds

FOUND_BY: dict[str, tuple[int, ...]] = {
    "no-expectation": (0, 2),
    "derived-claim-id": (0, 2),
    "no-claim-age": (12, 43),
    "launch-before-claim": (2, 3),
    "no-recovery": (0, 3),
    "impatient-recovery": (1, 4),
    "no-grace": (2, 6),
    "cancel-without-waiting": (0, 1),
    "nobody-elses-jobs": (0, 1),
    "lost-log-ignored": (1, 11),
    "no-follow": (28, 30),
    "stale-intents-obeyed": (0,),
    "acknowledged-first": (0,),
    "blind-overwrite": (19, 22),
}
RARE = {
    "no-read-age": "needs a lost log, and a poller frozen between read and append: one in a thousand worlds",
    "no-repeat": "the watcher lists everything again within half an hour, which repeats as well",
}
"""Not looked for here: what they leave out is backed up by something else, or hardly ever missed."""


def test_every_mistake_is_found_by_one_of_a_few_seeds() -> None:
    worlds = [(seed, bug) for bug, seeds in FOUND_BY.items() for seed in seeds]
    found: dict[str, set[str]] = defaultdict(set)
    for outcome in run_seeds(worlds):
        found[outcome.bug] |= {violation[:2] for violation in outcome.violations}
    assert [bug for bug in FOUND_BY if not found[bug]] == []


def test_no_mistake_is_forgotten() -> None:
    assert {*FOUND_BY, *RARE, ""} == set(BUGS)
