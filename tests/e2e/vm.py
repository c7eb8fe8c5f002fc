"""One life of one ComputeInstance, as the user who made it follows it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudkit.contracts.jobs import JobType
from e2e.evidence import evidence
from e2e.sightings import IsSo, version
from sandbox.aap.audit import AuditEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudkit.contracts.instance import ComputeInstance, InstanceRef, JobSummary
    from e2e.world import World

PATIENCE = 25.0


@dataclass
class Vm:
    """*since* is the resourceVersion from which on it is looked at: each wait goes on from the last."""

    world: World
    ref: InstanceRef
    since: int

    @property
    def name(self) -> str:
        return self.ref.name

    async def until(self, is_so: IsSo, *, within: float = PATIENCE) -> ComputeInstance:
        """The first version after the last wait, or change, that *is_so*."""
        try:
            instance = await self.world.sightings.first(self.ref.uid, is_so, since=self.since, within=within)
        except TimeoutError:
            words = is_so.__name__.replace("_", " ")
            told = await evidence(self.world, self.ref)
            raise AssertionError(f"waited {within:g} s until of {self.name}: {words}.\n{told}") from None
        self.since = version(instance)
        return instance

    async def until_gone(self, *, within: float = PATIENCE) -> None:
        try:
            await self.world.sightings.end(self.ref.uid, within=within)
        except TimeoutError:
            told = await evidence(self.world, self.ref)
            raise AssertionError(f"waited {within:g} s until {self.name} was gone.\n{told}") from None

    async def until_launched(self, jobs: int, *, within: float = PATIENCE) -> None:
        """Return once AAP was made to launch so many *jobs* for it."""

        async def launched() -> bool:
            return len(await self.launches()) >= jobs

        await self.world.eventually(launched, f"AAP launched {jobs} jobs of {self.name}", within=within)

    async def change(self, **spec: Any) -> None:
        """Change its spec; None removes a field."""
        await self._patch({"spec": spec})

    async def annotate(self, **annotations: str) -> None:
        """Annotate it; ``_`` stands for ``-`` in a name, ours are meant."""
        ours = {f"cloudkit.openshift.io/{name.replace('_', '-')}": text for name, text in annotations.items()}
        await self._patch({"metadata": {"annotations": ours}})

    async def drop_finalizers(self) -> None:
        """What a person does who is out of patience."""
        await self._patch({"metadata": {"finalizers": []}})

    async def _patch(self, change: dict[str, Any]) -> None:
        self.since = version(await self.world.instances.patch(self.name, change))

    async def delete(self) -> None:
        await self.world.instances.delete(self.name)

    async def delete_and_see_it_go(self) -> None:
        await self.delete()
        await self.until_gone()

    def seen(self) -> Sequence[ComputeInstance]:
        """Every version of it, oldest first."""
        return self.world.sightings.of(self.ref.uid)

    def told_of(self, type: JobType) -> list[JobSummary]:
        """What its status told, one after the other, of its latest job of *type*."""
        provision = type is JobType.PROVISION
        told: list[JobSummary] = []
        for one in self.seen():
            job = one.status.provision_job if provision else one.status.deprovision_job
            if job is not None and (not told or told[-1] != job):
                told.append(job)
        return told

    async def launches(self) -> list[str]:
        """The purposes of the jobs launched for it, oldest first."""
        return [str(one.purpose) for one in await self.world.audit(self.ref, AuditEvent.LAUNCH)]

    async def webhooks(self) -> list[str]:
        """The purposes of the webhooks about it that EDA got, oldest first, whatever became of them."""
        return [str(one.purpose) for one in await self.world.eda.webhooks(self.ref.uid)]

    async def what_happened(self) -> list[str]:
        """What happened in AAP, in few words: ``launch provision``, ``cancel provision``, …"""
        return [f"{one.event} {one.purpose}" for one in await self.world.audit(self.ref)]


async def all_until(vms: Sequence[Vm], is_so: IsSo, *, within: float = PATIENCE) -> Sequence[ComputeInstance]:
    """Wait for all of *vms*."""
    return await asyncio.gather(*(vm.until(is_so, within=within) for vm in vms))


async def all_gone(vms: Sequence[Vm], *, within: float = PATIENCE) -> None:
    """Delete all of *vms*, and wait until they are gone."""
    await asyncio.gather(*(vm.delete() for vm in vms))
    await asyncio.gather(*(vm.until_gone(within=within) for vm in vms))
