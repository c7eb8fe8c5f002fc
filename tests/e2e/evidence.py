"""What a person wants to see when something did not happen in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import msgspec

from cloudkit.contracts.errors import ProvisionerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cloudkit.contracts.instance import InstanceRef
    from e2e.world import World

LOG_LINES = 10


async def evidence(world: World, ref: InstanceRef | None = None) -> str:
    """How the instance *ref* stands, or else all of them, and the end of every log."""
    parts = [part async for part in _of_instances(world, ref)]
    parts += [process.tail(LOG_LINES) for process in world.stack.supervisor.processes.values()]
    return "\n\n".join(parts)


async def _of_instances(world: World, ref: InstanceRef | None) -> AsyncIterator[str]:
    refs = [ref] if ref else [one.ref for one in await world.instances.all()]
    for each in refs:
        yield _status(world, each)
        yield await _job_log(world, each)
        yield await _audit(world, each)


def _status(world: World, ref: InstanceRef) -> str:
    seen = world.sightings.of(ref.uid)
    if not seen:
        return f"{ref} was never seen"
    state = "It is gone; at last it stood so" if world.sightings.gone(ref.uid) else "It stands so"
    status = msgspec.json.format(msgspec.json.encode(seen[-1].status), indent=1).decode()
    return f"{ref} {ref.uid}. {state}, finalizers {list(seen[-1].metadata.finalizers)}:\n{status}"


async def _job_log(world: World, ref: InstanceRef) -> str:
    try:
        events = await world.bus.jobs.history(ref)
    except ProvisionerError as error:
        return f"Its job log cannot be read: {error}"
    lines = (
        f"  {one.event} {one.job.type} {one.job.number}, AAP's {one.job.job_id or 'none'} {one.job.message}"
        for one in events
    )
    return "\n".join(["Its job log:", *lines])


async def _audit(world: World, ref: InstanceRef) -> str:
    try:
        entries = await world.audit(ref)
    except httpx.HTTPError as error:
        return f"AAP does not tell: {error!r}"
    lines = (f"  {one.at:%T.%f} {one.event} {one.purpose} {one.job} {one.status}" for one in entries)
    return "\n".join(["What happened in AAP:", *lines])
