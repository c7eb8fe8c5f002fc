"""What must be true after every test, whatever went wrong in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.aap.audit import AuditEvent

if TYPE_CHECKING:
    from e2e.world import World

DUPLICATES = "cloudkit_duplicate_launches_total"


async def examine(world: World) -> None:
    """Raise `AssertionError` unless everything holds. All instances of *world* are gone by now."""
    await world.eventually(lambda: _no_intent_waits(world), "no intent was outstanding")
    assert await world.aap.violations() == []
    assert await _machines_left(world) == []
    assert await _jobs_that_run(world) == set()
    assert [letter.subject for letter in await world.dead_letters()] == []
    assert await _duplicates(world) == 0
    assert _tracebacks(world) == []


async def _no_intent_waits(world: World) -> bool:
    return not await world.bus.intents.outstanding()


async def _machines_left(world: World) -> list[str]:
    return [f"{machine.namespace}/{machine.name}" for machine in await world.aap.machines()]


async def _jobs_that_run(world: World) -> set[int]:
    audit = await world.aap.audit()
    launched = {one.job for one in audit if one.event is AuditEvent.LAUNCH}
    return launched - {one.job for one in audit if one.event in (AuditEvent.FINISH, AuditEvent.PURGE)}


async def _duplicates(world: World) -> float:
    pollers = world.stack.of("aap-poller") if "aap-poller" in world.stack.plan.services else []
    return sum([(await world.metrics(one))[DUPLICATES] for one in pollers if one.running])


def _tracebacks(world: World) -> list[str]:
    logs = [process.log for process in world.stack.supervisor.processes.values()]
    return [log.read_text()[-3000:] for log in logs if "Traceback (most recent call last)" in log.read_text()]
