"""Many launches at once: how fast they come through, at several request limits."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from benchmarks.measuring import spread
from benchmarks.running_jobs import CONFIG_VERSION, instance_named, resource_of
from benchmarks.stage import POLLER, Stage, listening, set_stage
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.intents import Provision
from cloudkit.contracts.subjects import Addressee

LIMITS = (20, 100, 0)
"""Requests per second of `CLOUDKIT_AAP_MAX_REQUESTS_PER_SECOND`; 0: no limit."""
SETTING = "CLOUDKIT_AAP_MAX_REQUESTS_PER_SECOND"
PUBLISHERS = 50
PATIENCE, PATIENCE_PER_LAUNCH = 20.0, 0.15
"""In seconds: longer than a storm takes at the lowest of our limits."""


async def measure_storm(count: int, limit: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Ask for *count* launches at once with at most *limit* requests a second (0: any number)."""
    say(f"a storm of {count} launches, {SETTING}={limit}")
    async with set_stage() as stage:
        await stage.start_poller({SETTING: str(limit)})
        async with listening(stage) as diary:
            await stage.aap.forget_requests()
            before, began = stage.cpu_seconds(), time.time()
            await _ask(stage, count)
            patience = PATIENCE + count * PATIENCE_PER_LAUNCH
            await diary.until(lambda: len(diary.moments(JobEventName.LAUNCHED)) == count, within=patience)
        claimed, launched = (diary.moments(event) for event in (JobEventName.CLAIMED, JobEventName.LAUNCHED))
        took = max(launched.values(), default=began) - began
        return {
            "limit": limit,
            "asked_for": count,
            "launched": len(launched),
            "launches_per_second": round(len(launched) / took, 1) if took else 0.0,
            "requests": await stage.aap.requests(),
            "claim_to_launched_seconds": spread(
                (launched[name] - claimed[name] for name in launched.keys() & claimed.keys()), digits=3
            ),
            "rules_broken": len(await stage.aap.violations()),
            "poller_cpu_seconds": round(stage.cpu_seconds()[POLLER] - before[POLLER], 1),
            "peak_memory_mb": stage.peak_memory_mb(POLLER),
        }


async def _ask(stage: Stage, count: int) -> None:
    waiting = iter(range(count))

    async def publish() -> None:
        for number in waiting:
            await stage.bus.intents.publish(Addressee.AAP, _intent(number))

    await asyncio.gather(*(publish() for _ in range(min(PUBLISHERS, count))))


def _intent(number: int) -> Provision:
    instance = instance_named(number)
    return Provision(
        instance=instance,
        born=datetime.now(UTC),
        number=1,
        config_version=CONFIG_VERSION,
        attempt=1,
        resource=resource_of(instance),
    )
