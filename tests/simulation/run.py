"""Run seeds on every core, and say what came of them: `make simulate`, `make soak`.

python -m simulation                    300 seeds
python -m simulation --seed 17          the story of one seed, and what it violates
python -m simulation --seconds 1800     until the time is over
python -m simulation --bug no-recovery  with a bug that somebody might make; see `simulation.bugs`
"""

import argparse
import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context

from simulation.eda import runs_in
from simulation.quiet import quiet
from simulation.world import World

SEEDS = 300
CORES = os.cpu_count() or 1
AHEAD = 4
"""Seeds that wait for each core, so that none has to wait for us."""
TELL_EVERY = 60.0
"""Seconds between two words on how far a soak has come."""


@dataclass(frozen=True)
class Outcome:
    """What came of one seed. Times are virtual seconds."""

    seed: int
    bug: str
    violations: tuple[str, ...]
    counts: Counter[str]
    lasted: float


@dataclass
class Summary:
    """What came of many."""

    seeds: int = 0
    lasted: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    bad: list[Outcome] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.lasted += outcome.lasted
        self.counts += outcome.counts
        if outcome.violations:
            self.bad.append(outcome)

    def lines(self) -> Iterator[str]:
        took = time.perf_counter() - self.started
        faults = {key[7:]: n for key, n in self.counts.most_common() if key.startswith("fault: ")}
        yield (
            f"{self.seeds} seeds in {took:.0f} s ({self.seeds / took:.1f} a second), "
            f"{self.lasted / 3600:.0f} virtual hours"
        )
        yield (
            f"{self.counts['instances']} instances, {self.counts['jobs launched']} jobs launched, "
            f"{self.counts['lost logs']} lost logs, {sum(faults.values())} faults:"
        )
        yield "  " + ", ".join(f"{n} {kind}" for kind, n in faults.items())
        yield self.verdict()

    def verdict(self) -> str:
        if not self.bad:
            return "no violation"
        return f"{sum(len(one.violations) for one in self.bad)} violations in {len(self.bad)} seeds"

    def so_far(self) -> str:
        took = time.perf_counter() - self.started
        return f"{took:6.0f} s: {self.seeds} seeds, {self.seeds / took:.1f} a second; {self.verdict()}"


def run_seed(seed: int, bug: str = "") -> Outcome:
    """Live through *seed*, quietly."""
    quiet()
    world = World(seed, bug=bug)
    history = world.run()
    return Outcome(seed, bug, tuple(map(str, history.violations)), history.counts, world.loop.time())


def processes() -> ProcessPoolExecutor:
    """One for each core, in which a seed always tells the same story: sets of words have another order in
    each process, unless their hashes have the same seed."""
    os.environ |= {"PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    return ProcessPoolExecutor(CORES, mp_context=get_context("spawn"))


def run_seeds(worlds: Iterable[tuple[int, str]]) -> Iterator[Outcome]:
    """Live through *worlds*, each a seed and a bug, on every core, in processes of their own; as they end."""
    waiting: set[Future[Outcome]] = set()
    rest = iter(worlds)
    with processes() as pool:
        while True:
            for seed, bug in itertools.islice(rest, AHEAD * CORES - len(waiting)):
                waiting.add(pool.submit(run_seed, seed, bug))
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)


def story(seed: int, bug: str = "") -> Iterator[str]:
    """Everything that happens in *seed*, line by line."""
    quiet()
    world = World(seed, bug=bug)
    history = world.run()
    yield from history.lines()
    yield from map(str, history.violations)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="tell the story of this one")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seconds", type=float, help="go on for so long, whatever the number")
    parser.add_argument("--aap-only", action="store_true", help="leave out the worlds in which EDA runs jobs")
    parser.add_argument("--bug", default="", help="make a mistake on purpose")
    told = parser.parse_args()
    if told.seed is not None:
        _tell(told.seed, told.bug)
    seeds: Iterable[int] = (
        itertools.count(told.first) if told.seconds else range(told.first, told.first + told.seeds)
    )
    if told.aap_only:
        seeds = (seed for seed in seeds if not runs_in(seed))
    sys.exit(_search(seeds, told.bug, told.seconds or float("inf")))


def _tell(seed: int, bug: str) -> None:
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "simulation", *sys.argv[1:]])
    for line in story(seed, bug):
        print(line)
    sys.exit()


def _search(seeds: Iterable[int], bug: str, seconds: float) -> int:
    """0 if nothing was violated, as for a shell."""
    summary, until = Summary(), time.perf_counter() + seconds
    tell_at = time.perf_counter() + TELL_EVERY
    in_time = itertools.takewhile(lambda _: time.perf_counter() < until, seeds)
    try:
        for outcome in run_seeds((seed, bug) for seed in in_time):
            summary.add(outcome)
            for violation in outcome.violations:
                print(f"seed {outcome.seed}: {violation}", flush=True)
            if time.perf_counter() >= tell_at:
                tell_at += TELL_EVERY
                print(summary.so_far(), flush=True)
    except KeyboardInterrupt:
        print("stopped")
    print(*summary.lines(), sep="\n")
    return 1 if summary.bad else 0
