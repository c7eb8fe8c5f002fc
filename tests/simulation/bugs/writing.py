"""Bugs about what is written to Kubernetes, and about when the finalizer goes."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from cloudkit.contracts.errors import Conflict
from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.jobs import JobType
from cloudkit.lifecycle.history import newest
from cloudkit.runtime.lanes import Lane
from cloudkit.runtime.ports import Instances
from simulation.bugs.bug import Bug, Passing
from status_writer.clerk import Clerk
from status_writer.errands import Errand
from status_writer.handlers import StatusWriter

Written = TypeVar("Written")


class _Forcing(Passing):
    """Writes to whatever has the name by now, and does not take no for an answer."""

    async def force(
        self, instance: ComputeInstance, write: Callable[[ComputeInstance], Awaitable[Written]]
    ) -> Written:
        place = instance.metadata.namespace, instance.metadata.name
        while True:
            try:
                return await write(await self.right.get(*place) or instance)
            except Conflict:
                continue


class BlindStatus(Bug):
    """A status is written whatever has become of the resource since it was read."""

    class _ForcingStatus(_Forcing):
        async def patch_status(self, instance: ComputeInstance, status: dict[str, Any]) -> ComputeInstance:
            return await self.force(instance, lambda now: self.right.patch_status(now, status))

    def instances(self, instances: Instances) -> Instances:
        return self._ForcingStatus(super().instances(instances))


class BlindFinalizers(Bug):
    """Finalizers are written whatever has become of the resource since it was read."""

    class _ForcingFinalizers(_Forcing):
        async def set_finalizers(self, instance: ComputeInstance, finalizers: Sequence[str]) -> None:
            await self.force(instance, lambda now: self.right.set_finalizers(now, finalizers))

    def instances(self, instances: Instances) -> Instances:
        return self._ForcingFinalizers(super().instances(instances))


class BlindOverwrite(BlindStatus, BlindFinalizers):
    """Both are."""


class _OfReleases(Bug):
    """A bug in `status_writer.clerk`: ``spoiled`` stands in its place."""

    spoiled: type[Clerk]

    def writer(self, writer: StatusWriter) -> None:
        writer._clerk = self.spoiled(
            writer.instances, writer.jobs, writer.clock, writer.policy, writer.announcer
        )


class ReleasedWithoutTheLog(_OfReleases):
    """An instance that shows no job is released at once: the log, which may know of one, is not read."""

    class spoiled(Clerk):  # noqa: N801  # it stands where an attribute does
        async def _bring_up_to_date(
            self, lane: Lane, instance: ComputeInstance, errands: list[Errand]
        ) -> list[Errand]:
            if instance.deleting and instance.adopted and not instance.jobs:
                await self._release(lane, instance)
                return []
            return await super()._bring_up_to_date(lane, instance, errands)


class ReleasedAfterAnyCleanup(_OfReleases):
    """A cleanup that has ended lets the instance go, however it ended."""

    class spoiled(Clerk):  # noqa: N801  # see above
        async def _bring_up_to_date(
            self, lane: Lane, instance: ComputeInstance, errands: list[Errand]
        ) -> list[Errand]:
            job = newest(instance.jobs)
            if instance.adopted and job and job.closed and job.type is JobType.DEPROVISION:
                await self._release(lane, instance)
                return []
            return await super()._bring_up_to_date(lane, instance, errands)
