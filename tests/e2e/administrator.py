"""What nobody but an administrator of the cluster does: take backups, restore them, and write a status."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from cloudkit.contracts.instance import API_VERSION, PLURAL
from e2e.sightings import watching
from e2e.world import World
from sandbox.instances import http_client


async def take_backup(world: World) -> None:
    """Of everything in Kubernetes, as it is now."""
    await _call(world, "PUT")


@asynccontextmanager
async def restored(world: World) -> AsyncIterator[World]:
    """Go back to that backup: *world*, in which nothing was seen yet, for no watch survives it."""
    await _call(world, "POST")
    async with watching(world.instances) as sightings:
        yield replace(world, sightings=sightings)


async def write_status(world: World, name: str, change: dict[str, Any]) -> None:
    """Merge *change* into the status of the instance *name*."""
    path = f"/apis/{API_VERSION}/namespaces/default/{PLURAL}/{name}/status"
    merge = {"Content-Type": "application/merge-patch+json"}
    async with http_client(world.stack.kubeconfig) as http:
        (await http.patch(path, json={"status": change}, headers=merge)).raise_for_status()


async def _call(world: World, method: str) -> None:
    async with http_client(world.stack.kubeconfig) as http:
        (await http.request(method, "/emulator/backups/drill")).raise_for_status()
