"""The simulation bites: each mistake of `simulation.bugs` is found, and nothing else is.

A change of the services changes what happens in a seed. If these no longer find a mistake, look for others:

    PYTHONPATH=tests python -m simulation --bug no-recovery --seeds 60
"""

from collections import defaultdict

from simulation.bugs import BUGS
from simulation.run import run_seeds

FOUND_BY: dict[str, tuple[int, ...]] = {
    "no-expectation": (3,),
    "derived-claim-id": (3, 4),
    "nobody-elses-jobs": (1,),
    "one-life-a-name": (0, 2),
    "no-claim-age": (84,),
    "launch-before-claim": (0, 1),
    "launch-sent-again": (1,),
    "no-grace": (10, 13),
    "cancel-without-waiting": (12,),
    "no-recovery": (6, 7),
    "impatient-recovery": (0, 4),
    "lost-log-ignored": (9,),
    "only-its-own-jobs-searched": (13, 25),
    "no-wait-in-a-new-log": (33, 65, 101),
    "no-search-after-adoption": (13, 17, 21),
    "no-follow": (12,),
    "no-sweep": (0, 1),
    "no-poll": (14,),
    "any-job-with-its-id": (1, 6),
    "gone-is-success": (2, 12),
    "intents-never-too-old": (99,),
    "stale-intents-obeyed": (11,),
    "stale-intents-dropped": (2,),
    "acknowledged-first": (0, 2),
    "no-repeat": (1, 2),
    "launch-before-adoption": (16, 17),
    "impatient-with-playbooks": (36, 49, 64),
    "blind-status": (5, 14),
    "blind-finalizers": (9, 80),
    "blind-overwrite": (6, 10, 21),
    "released-without-the-log": (10,),
    "released-after-any-cleanup": (0, 2),
}
RARE = {
    "no-read-age": "needs a log lost while a poller stands still in the last request before a claim",
    "survey-not-repeated": "needs a late launch, and the poller that looked first alive 300 s later",
    "older-than-the-log-obeyed": "nobody claims in a log's first 300 s: what was asked before is too old",
    "earlier-intents-stay": "numbers tell what is stale, and age ends the rest: see stale-intents-obeyed",
    "intents-of-the-gone-stay": "age ends them, and a new life's replace them: see stale-intents-obeyed",
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
