"""People: each lives one life of an instance after the other, under one name, until it is time to stop.

A life: create it, mostly wait until it is Ready, sometimes give it a new spec and wait again, delete it,
wait until it is gone. Whatever Kubernetes does not answer is asked again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

import httpx

from chaos.picture import Picture
from cloudkit.contracts.instance import PROVIDER_ANNOTATION, ComputeInstance, InstanceRef, Phase
from cloudkit.contracts.jobs import Provider
from sandbox.instances import Instances

T = TypeVar("T")

AGAIN_AFTER = 0.5
REST = 6.0
"""At most so many seconds pass before the first life, and between two."""


@dataclass(kw_only=True)
class Life:
    """How far the life of one instance has come: ``stage`` is what is waited for, empty at its end."""

    name: str
    provider: Provider
    changes: bool
    impatient: bool
    """Deletes it at once, whatever became of it."""
    stage: str = "to be created"
    ref: InstanceRef | None = None
    took: float = 0.0

    def __str__(self) -> str:
        return f"{self.ref or self.name} ({self.provider}) waits {self.stage}"


@dataclass
class People:
    """All lives in one world."""

    instances: Instances
    picture: Picture
    lives: list[Life] = field(default_factory=list)

    @property
    def unfinished(self) -> list[Life]:
        return [life for life in self.lives if life.stage]

    async def live(self, count: int, seed: int, seconds: float) -> None:
        """*count* people live beside each other; nobody begins a life after *seconds* seconds."""
        end = asyncio.get_running_loop().time() + seconds
        async with asyncio.TaskGroup() as people:
            for number in range(1, count + 1):
                people.create_task(self._person(number, Random(f"{seed} {number}"), end))

    async def _person(self, number: int, dice: Random, end: float) -> None:
        loop = asyncio.get_running_loop()
        for life in _lives(f"chaos-{number}", list(Provider)[number % len(Provider)], dice):
            await asyncio.sleep(dice.uniform(0, REST))
            if loop.time() > end:
                return
            began = loop.time()
            self.lives.append(life)
            await self._live(life)
            life.took = loop.time() - began

    async def _live(self, life: Life) -> None:
        created = await _insist(lambda: self._create(life))
        self.picture.show(created)
        life.ref, uid = created.ref, created.metadata.uid
        if not life.impatient:
            life.stage = "to be Ready"
            await self.picture.until(uid, _is_ready(1))
        if life.changes and not life.impatient:
            life.stage = "to be Ready with its new spec"
            changed = await _insist(lambda: self.instances.patch(life.name, {"spec": {"vcpu": 4}}))
            await self.picture.until(uid, _is_ready(changed.metadata.generation))
        life.stage = "to be gone"
        await _insist(lambda: self._delete(life))
        await self.picture.until(uid, lambda instance: instance is None)
        life.stage = ""

    async def _create(self, life: Life) -> ComputeInstance:
        """Also if it was created the last time, and only the answer was lost."""
        if (there := await self.instances.get(life.name)) is not None:
            return there
        return await self.instances.create(
            life.name, annotations={PROVIDER_ANNOTATION: life.provider}, vcpu=2, memory=4096
        )

    async def _delete(self, life: Life) -> None:
        if await self.instances.get(life.name) is not None:
            await self.instances.delete(life.name)


def _lives(name: str, provider: Provider, dice: Random) -> Iterator[Life]:
    while True:
        changes, impatient = dice.random() < 0.4, dice.random() < 0.1
        yield Life(name=name, provider=provider, changes=changes, impatient=impatient)


def _is_ready(generation: int) -> Callable[[ComputeInstance | None], bool]:
    """Whether it is Ready with the spec of that generation."""

    def is_so(instance: ComputeInstance | None) -> bool:
        if instance is None:
            return False
        status = instance.status
        applied = status.reconciled_config_version == status.desired_config_version
        return status.phase is Phase.READY and applied and status.observed_generation >= generation

    return is_so


async def _insist(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer of *ask*, as soon as Kubernetes gives one."""
    while True:
        try:
            return await ask()
        except httpx.HTTPError:
            await asyncio.sleep(AGAIN_AFTER)
