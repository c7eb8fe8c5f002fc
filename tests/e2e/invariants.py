"""What must be true after every test, whatever went wrong in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.aap.audit import AuditEvent, Violation

if TYPE_CHECKING:
    from e2e.world import World

DUPLICATES = "cloudkit_duplicate_launches_total"
TRACEBACK = "Traceback (most recent call last)"


async def examine(world: World) -> None:
    """Raise `AssertionError` unless everything holds. All instances of *world* are gone by now."""
    await world.eventually(lambda: _no_intent_waits(world), "no intent was outstanding")
    await world.eventually(lambda: _no_playbook_of_eda_runs(world), "no playbook of EDA ran")
    found = {
        "rules were broken": await _broken_rules(world),
        "machines were left": await _machines_left(world),
        "jobs still run": await _jobs_that_run(world),
        "messages were put aside": [letter.subject for letter in await world.dead_letters()],
        "second launches were counted": await _pollers_that_saw_second_launches(world),
        "something crashed": _tracebacks(world),
    }
    if broken := {what: which for what, which in found.items() if which}:
        raise AssertionError("\n".join(f"{what}: {which}" for what, which in broken.items()))


async def _no_intent_waits(world: World) -> bool:
    return not await world.bus.intents.outstanding()


async def _no_playbook_of_eda_runs(world: World) -> bool:
    """Nobody can stop one: it may run long after its instance is gone."""
    return not (await _jobs_that_run(world) & await _launched_by_eda(world))


async def _broken_rules(world: World) -> list[Violation]:
    """Those that somebody broke who could have known better: of what EDA runs nobody hears in time."""
    by_eda = await _launched_by_eda(world)
    broken = await world.aap.violations()
    return [one for one in broken if by_eda.isdisjoint({one.launch.job, *one.beside})]


async def _launched_by_eda(world: World) -> set[int]:
    return {one.job for one in await world.aap.audit() if one.by_rulebook}


async def _machines_left(world: World) -> list[str]:
    return [f"{machine.namespace}/{machine.name}" for machine in await world.aap.machines()]


async def _jobs_that_run(world: World) -> set[int]:
    audit = await world.aap.audit()
    launched = {one.job for one in audit if one.event is AuditEvent.LAUNCH}
    return launched - {one.job for one in audit if one.event in (AuditEvent.FINISH, AuditEvent.PURGE)}


async def _pollers_that_saw_second_launches(world: World) -> list[str]:
    pollers = world.stack.of("aap-poller") if "aap-poller" in world.stack.plan.services else []
    return [one.name for one in pollers if one.running and (await world.metrics(one))[DUPLICATES]]


def _tracebacks(world: World) -> list[str]:
    """The first of each log."""
    logs = (process.log for process in world.stack.supervisor.processes.values())
    found = ((log.name, *log.read_text().partition(TRACEBACK)) for log in logs)
    return [f"{name}: …{before[-300:]}{mark}{after[:2500]}" for name, before, mark, after in found if mark]
