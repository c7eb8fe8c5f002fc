"""How fast instances get their status, and how few writes that takes. Tables, or JSON with --json.

    python -m benchmarks.status                         everything: about seven minutes on two cores
    python -m benchmarks.status --instances 100 --system 0 --rows fast

A real status-writer writes the whole lives of instances, told by job events, to the Kubernetes stand-in,
which counts the requests; so does a client that answers every event with a GET and a PUT of the whole
status. Then the whole system runs, with the AAP stand-in, and every write from create to gone is counted.
"""

import argparse
import asyncio
import json
import sys
import time

from benchmarks.lives import REALISTIC
from benchmarks.status_report import tables
from benchmarks.system_writes import WORKLOADS, measure_system
from benchmarks.trials import NAIVE, Trial, measure_trial
from cloudkit.runtime.logs import configure_logs
from cloudkit.runtime.settings import LogLevel

INSTANCES, SYSTEM = 500, 100
TRIALS = {
    "fast": (Trial(), Trial(writer=NAIVE)),
    "realistic": (Trial(pace=REALISTIC), Trial(writer=NAIVE, pace=REALISTIC)),
    "labels": (Trial(labels=True), Trial(labels=True, pace=REALISTIC)),
    "two": (Trial(writers=2), Trial(writers=2, pace=REALISTIC)),
    "gather": (Trial(pace=REALISTIC, gather="2s"),),
}


def main() -> None:
    options = _parser().parse_args()
    configure_logs("benchmark", level=LogLevel.WARNING)
    try:
        results = asyncio.run(measure(options))
    except KeyboardInterrupt:
        sys.exit(130)  # Everything that was started has ended.
    print(json.dumps(results, indent=2) if options.json else tables(results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--instances", type=int, default=INSTANCES, help="for each row (%(default)s)")
    parser.add_argument("--rows", nargs="*", choices=TRIALS, default=list(TRIALS), help="default: all")
    parser.add_argument(
        "--system", type=int, default=SYSTEM, help="instances in the whole system; 0: none (%(default)s)"
    )
    parser.add_argument(
        "--workloads", nargs="*", choices=WORKLOADS, default=list(WORKLOADS), help="of these; default: all"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser


async def measure(options: argparse.Namespace) -> dict[str, list[dict[str, object]]]:
    """Measure what *options* ask for."""
    trials = [trial for name in options.rows for trial in TRIALS[name]]
    workloads = [WORKLOADS[name] for name in options.workloads if options.system]
    written, system = [], []
    for trial in trials:
        _say(f"{trial.title}, {trial.pace.name}: {options.instances} instances")
        written.append(await measure_trial(trial, options.instances))
    for workload in workloads:
        _say(f"the whole system, {workload.name}: {options.system} instances")
        system.append(await measure_system(workload, options.system))
    return {"status": written, "system": system}


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
