"""What the stories see and do: ComputeInstances through Kubernetes, and what becomes of them."""

import asyncio
from collections.abc import Callable

from cloudkit.contracts.instance import PLAYBOOK_FINALIZERS, ComputeInstance, Phase
from cloudkit.contracts.jobs import JobState
from cloudkit.lifecycle.work import AWAITING_PLAYBOOK
from sandbox.instances import Instances

LOOK_EVERY = 0.2
PATIENCE = 40.0
"""Seconds to wait for one thing to happen: ten times what it takes on a slow machine."""

Seen = dict[str, ComputeInstance]
"""The instances that exist, by name."""


class TooLate(Exception):
    """Raised when something did not happen in time; the text says what, and how things stand instead."""


class World:
    """The instances, looked at again and again for everybody who waits for something to happen."""

    def __init__(self, instances: Instances) -> None:
        self.instances = instances
        self._seen: Seen = {}
        self._news = asyncio.Condition()

    async def keep_looking(self, show: Callable[[Seen], None]) -> None:
        """Look until canceled, and *show* each time what is seen."""
        while True:
            seen = {one.metadata.name: one for one in await self.instances.all()}
            async with self._news:
                self._seen = seen
                self._news.notify_all()
            show(seen)
            await asyncio.sleep(LOOK_EVERY)

    async def until(self, name: str, is_so: Callable[[ComputeInstance], bool], what: str) -> ComputeInstance:
        """The instance *name* once it *is_so*, in words: *what*. Raises `TooLate`."""
        await self._wait(lambda: name in self._seen and is_so(self._seen[name]), name, what)
        return self._seen[name]

    async def until_gone(self, name: str) -> None:
        """Return once there is no instance *name*. Raises `TooLate`."""
        await self._wait(lambda: name not in self._seen, name, "to be gone")

    async def _wait(self, came_true: Callable[[], bool], name: str, what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE), self._news:
                await self._news.wait_for(came_true)
        except TimeoutError:
            stands = describe(self._seen.get(name))
            raise TooLate(f"waited {PATIENCE:g} s for {name} {what}, and it is {stands}") from None


def describe(instance: ComputeInstance | None) -> str:
    """How an instance stands, in a few words."""
    if instance is None:
        return "not there"
    return ", ".join([str(instance.status.phase or "without a phase"), *jobs_of(instance)])


def jobs_of(instance: ComputeInstance) -> list[str]:
    """Each job of the instance in three words, oldest first: ``provision 4711 Running``."""
    return [f"{job.type} {job.job_id or '…'} {job.state}" for job in instance.status.jobs]


def is_ready(instance: ComputeInstance) -> bool:
    return instance.status.phase is Phase.READY


def has_failed(instance: ComputeInstance) -> bool:
    return instance.status.phase is Phase.FAILED


def runs_its_job(instance: ComputeInstance) -> bool:
    return _state_of_its_job(instance) is JobState.RUNNING


def had_its_job_stopped(instance: ComputeInstance) -> bool:
    return _state_of_its_job(instance) is JobState.CANCELED


def is_held_by_a_playbook(instance: ComputeInstance) -> bool:
    return not set(PLAYBOOK_FINALIZERS).isdisjoint(instance.metadata.finalizers)


def awaits_its_playbook(instance: ComputeInstance) -> bool:
    return any(condition.reason == AWAITING_PLAYBOOK for condition in instance.status.conditions)


def _state_of_its_job(instance: ComputeInstance) -> JobState | None:
    return instance.status.provision_job.state if instance.status.provision_job else None
