"""What it costs to follow jobs, and how soon their end is known. A table, or JSON with --json.

    python -m benchmarks.following                      everything: about seven minutes on two cores
    python -m benchmarks.following --jobs 1000 --storm 0 --seconds 60

A real aap-poller with default settings follows jobs that run in the AAP stand-in, some of which end at
random moments; then a client that asks for each job by itself, as an operator with a requeue per
resource does, follows what is left. Last, storms: many launches at once, at several request limits.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from benchmarks.measuring import spread
from benchmarks.report import Figures, tables
from benchmarks.running_jobs import RunningJob, let_aap_run, let_log_tell, running_jobs
from benchmarks.stage import POLLER, Stage, listening, set_stage
from benchmarks.storm import LIMITS, measure_storm
from cloudkit.contracts.events import JobEventName
from cloudkit.runtime.logs import configure_logs
from cloudkit.runtime.settings import LogLevel
from sandbox.aap.audit import AuditEvent
from sandbox.aap.model import Status
from sandbox.process import Command

JOBS = (100, 1_000, 10_000)
STORM = 1_000
END_AT_LEAST = 100
END_ONE_IN = 20
"""How many jobs end while it is measured: one in twenty, and not too few to speak of a p99."""
NAIVE = "naive"
PATIENCE = 40.0
"""For how many seconds an end is waited for after the window: a poll sees what a sweep missed."""


@dataclass(frozen=True)
class Window:
    """For how many seconds is measured, and how often (seconds) each job is asked for."""

    seconds: float
    poll_interval: float


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
    parser.add_argument("--jobs", type=int, nargs="*", default=JOBS, help="how many run (%(default)s)")
    parser.add_argument("--seconds", type=float, default=30.0, help="measured for so long each (%(default)s)")
    parser.add_argument("--poll-interval", type=float, default=30.0, help="in seconds (%(default)s)")
    parser.add_argument("--storm", type=int, default=STORM, help="launches at once; 0: none (%(default)s)")
    parser.add_argument("--limits", type=int, nargs="*", default=LIMITS, help="of storms (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser


async def measure(options: argparse.Namespace) -> dict[str, list[Figures]]:
    """Measure what *options* ask for."""
    window = Window(options.seconds, options.poll_interval)
    following = [await measure_following(count, window) for count in options.jobs]
    limits = options.limits if options.storm else ()
    return {
        "following": following,
        "storms": [await measure_storm(options.storm, limit, say) for limit in limits],
    }


def say(what: str) -> None:
    """Tell the person who waits."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


async def measure_following(count: int, window: Window) -> Figures:
    """Both ways of following *count* jobs."""
    say(f"{count} jobs: making them run")
    jobs = running_jobs(count)
    async with set_stage(lambda directory: let_aap_run(jobs, directory)) as stage:
        await let_log_tell(jobs, stage.stack.nats.url)
        poller = await stage.start_poller({"CLOUDKIT_AAP_STATUS_POLL_INTERVAL": f"{window.poll_interval}s"})
        await stage.caught_up("aap-poller-claims", "aap-poller-polls")
        say(f"{count} jobs: aap-poller follows them")
        ended, left = _split(jobs)
        ours = {"running": count} | await _observe(stage, POLLER, ended, window, _heard_of(stage))
        await poller.stop()
        say(f"{count} jobs: one GET per job follows them")
        ended, _ = _split(left)
        async with _naive_client(stage, left, window) as seen:
            naive = {"running": len(left)} | await _observe(stage, NAIVE, ended, window, seen)
    return {POLLER: ours, NAIVE: naive}


def _split(jobs: Sequence[RunningJob]) -> tuple[Sequence[RunningJob], Sequence[RunningJob]]:
    """Those that will end, and the others."""
    number = min(len(jobs) // 2, max(END_AT_LEAST, len(jobs) // END_ONE_IN))
    shuffled = random.sample(jobs, len(jobs))
    return shuffled[:number], shuffled[number:]


Seen = Callable[[Sequence[RunningJob]], Awaitable[dict[int, float]]]
"""Says when each of these jobs was seen to have ended; waits for those that were not yet."""


async def _observe(
    stage: Stage, name: str, ending: Sequence[RunningJob], window: Window, seen: Seen
) -> Figures:
    """What *name* costs while *ending* end, and how soon it knows of each."""
    async with listening(stage):
        await stage.aap.forget_requests()
        before, began = stage.cpu_seconds(), time.monotonic()
        await asyncio.gather(_rest(window.seconds), *(_end(stage, job, window.seconds) for job in ending))
        after, took = stage.cpu_seconds(), time.monotonic() - began
        requests = await stage.aap.requests()
        moments = await seen(ending)
    ends = await _ends(stage)
    return {
        "requests_per_minute": round(60 * sum(requests.values()) / took, 1),
        "requests": requests,
        "ended": len(ending),
        "not_noticed": len(ending) - len(moments),
        "end_to_known_seconds": spread((moments[id] - ends[id] for id in moments), digits=2),
        "cpu_percent": {each: round(100 * (after[each] - before[each]) / took, 1) for each in after},
        "peak_memory_mb": stage.peak_memory_mb(name),
    }


async def _rest(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def _end(stage: Stage, job: RunningJob, within: float) -> None:
    await asyncio.sleep(random.uniform(0, within))
    await stage.aap.force(job.id, Status.SUCCESSFUL)


async def _ends(stage: Stage) -> dict[int, float]:
    """When each job ended, by AAP's own account."""
    entries = await stage.aap.audit()
    return {
        entry.job: entry.at.astimezone(UTC).timestamp()
        for entry in entries
        if entry.event is AuditEvent.FINISH
    }


def _heard_of(stage: Stage) -> Seen:
    """Seen by whoever subscribes to the job log."""

    async def seen(jobs: Sequence[RunningJob]) -> dict[int, float]:
        names = {job.instance.name: job.id for job in jobs}
        diary, succeeded = stage.diary, JobEventName.SUCCEEDED
        await diary.until(lambda: names.keys() <= diary.moments(succeeded).keys(), within=PATIENCE)
        return {names[name]: at for name, at in diary.moments(succeeded).items() if name in names}

    return seen


@asynccontextmanager
async def _naive_client(stage: Stage, jobs: Sequence[RunningJob], window: Window) -> AsyncIterator[Seen]:
    directory = stage.stack.plan.directory
    ids, ended, ready = (directory / f"{NAIVE}.{suffix}" for suffix in ("ids", "ended", "ready"))
    ids.write_text("\n".join(str(job.id) for job in jobs))
    program = (sys.executable, "-m", "benchmarks.one_get_per_job", stage.stack.aap.url, str(ids), str(ended))
    flags = ("--every", str(window.poll_interval), "--ready-file", str(ready))
    environment = {"TOKEN": stage.stack.aap.token}
    command = Command(name=NAIVE, arguments=program + flags, environment=environment, ready_file=ready)
    await stage.stack.supervisor.start(command)

    async def seen(jobs: Sequence[RunningJob]) -> dict[int, float]:
        wanted, give_up = {job.id for job in jobs}, time.monotonic() + window.poll_interval + 10
        found = _written(ended)
        while not wanted <= found.keys() and time.monotonic() < give_up:
            await asyncio.sleep(0.1)
            found = _written(ended)
        return {id: at for id, at in found.items() if id in wanted}

    yield seen
    await stage.stack.process(NAIVE).stop()


def _written(ended: Path) -> dict[int, float]:
    whole, _, _ = ended.read_text().rpartition("\n")
    return {line["job"]: line["at"] for line in map(json.loads, whole.splitlines())}


if __name__ == "__main__":
    main()
