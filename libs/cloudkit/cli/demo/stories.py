"""The three lives that the demo shows, for each provider. The AAP stand-in reads from a name how jobs end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cloudkit.cli.demo.world import (
    World,
    awaits_its_playbook,
    had_its_job_stopped,
    has_failed,
    is_held_by_a_playbook,
    is_ready,
    runs_its_job,
)
from cloudkit.contracts.jobs import Provider

TO_BE_SEEN = 1.5
"""Seconds that a state stays on the screen before the story goes on."""


@dataclass(frozen=True)
class Story:
    """One life of one instance. ``tell`` returns, when it is over, what was to be seen in it."""

    name: str
    about: str
    tell: Callable[[World, str], Awaitable[str]]


async def _ready_then_deleted(world: World, name: str) -> str:
    await world.instances.create(name, vcpu=2, memory=4096, disk=20)
    await world.until(name, is_ready, "to be Ready")
    await asyncio.sleep(TO_BE_SEEN)
    await world.instances.delete(name)
    await world.until_gone(name)
    return f"{name} became Ready; deleted, its machine was removed first"


async def _deleted_while_its_job_runs(world: World, name: str) -> str:
    await world.instances.create(name, vcpu=8, memory=32768, disk=500)
    await world.until(name, runs_its_job, "to show its job running")
    await asyncio.sleep(TO_BE_SEEN)
    await world.instances.delete(name)
    await world.until(name, had_its_job_stopped, "to show its job stopped")
    await world.until_gone(name)
    return f"{name} was deleted while its job ran: that job was stopped, and only then cleanup began"


async def _fails_and_says_why(world: World, name: str) -> str:
    await world.instances.create(name, vcpu=999, memory=4096, disk=20)
    failed = await world.until(name, has_failed, "to be Failed")
    why = failed.status.provision_job.message if failed.status.provision_job else ""
    await asyncio.sleep(TO_BE_SEEN)
    await world.instances.delete(name)
    await world.until_gone(name)
    return f"{name} failed and said why: {why}"


async def _deleted_while_its_playbook_runs(world: World, name: str) -> str:
    await world.instances.create(name, vcpu=8, memory=32768, disk=500)
    await world.until(name, is_held_by_a_playbook, "to be held by its playbook")
    await world.instances.delete(name)
    await world.until(name, awaits_its_playbook, "to await its playbook")
    await world.until_gone(name)
    return f"{name} was deleted while its playbook ran: nobody can stop that, so cleanup waited for its end"


async def _fails_in_silence(world: World, name: str) -> str:
    await world.instances.create(name, vcpu=999, memory=4096, disk=20)
    failed = await world.until(name, has_failed, "to be Failed")
    why = failed.status.provision_job.message if failed.status.provision_job else ""
    await asyncio.sleep(TO_BE_SEEN)
    await world.instances.delete(name)
    await world.until_gone(name)
    return f"{name} failed, of which EDA does not tell. What is known: {why}"


_WEB = Story("web", "becomes ready, then is deleted", _ready_then_deleted)
STORIES = {
    Provider.AAP: (
        _WEB,
        Story("database-stuck", "is deleted while its job runs", _deleted_while_its_job_runs),
        Story("huge-fail", "fails and says why", _fails_and_says_why),
    ),
    Provider.EDA: (
        _WEB,
        Story("database", "is deleted while its playbook runs", _deleted_while_its_playbook_runs),
        Story("huge-fail", "fails without a word", _fails_in_silence),
    ),
}
