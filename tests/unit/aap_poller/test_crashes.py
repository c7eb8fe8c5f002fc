"""A process may die at any moment; another one finishes what it began, and nothing runs twice."""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest

from cloudkit.contracts.errors import Unanswered
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.jobs import JobState, JobType
from unit.aap_poller.world import Life, Replica, World

LAST_STEP = 16


class Died(BaseException):
    """The process is gone."""


class Fate:
    """Dies at step *at*: before what it was about to do, or *after*, when it was done and nobody heard."""

    def __init__(self, at: int, *, after: bool) -> None:
        self._at = at
        self._after = after
        self.steps = 0

    async def step(self, act: Callable[[], Any]) -> Any:
        self.steps += 1
        if self.steps == self._at and not self._after:
            raise Died
        done = await act()
        if self.steps == self._at:
            raise Died
        return done


class Mortal:
    """A port whose every call is a step towards the end of the process."""

    def __init__(self, port: Any, fate: Fate) -> None:
        self._port = port
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        if name == "created_between":
            return self._created_between

        async def call(*arguments: Any, **more: Any) -> Any:
            return await self._fate.step(lambda: getattr(self._port, name)(*arguments, **more))

        return call

    async def _created_between(self, *arguments: Any) -> AsyncIterator[Any]:
        async def nothing() -> None: ...

        await self._fate.step(nothing)
        async for row in self._port.created_between(*arguments):
            yield row


def mortal_replica(world: World, fate: Fate) -> Replica:
    log, intents, aap = (Mortal(port, fate) for port in (world.log, world.intents, world.aap))
    return Replica(log, intents, aap, world.clock)


each_end = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
each_step = pytest.mark.parametrize("step", range(1, LAST_STEP + 1))


@each_end
@each_step
async def test_a_launch_survives_the_death_of_its_process_at_every_step(step: int, after: bool) -> None:
    world = World()
    fate = Fate(step, after=after)
    with suppress(Died):
        await mortal_replica(world, fate).launch(world.provision())
    await finish(world)


@each_end
@each_step
async def test_a_lost_answer_survives_the_death_of_its_process_at_every_step(step: int, after: bool) -> None:
    world = World()
    world.aap.lost_answers = [Unanswered("reset", system="AAP")]
    with suppress(Died):
        await mortal_replica(world, Fate(step, after=after)).launch(world.provision())
    await finish(world)


@each_end
@each_step
async def test_a_deletion_survives_the_death_of_its_process_at_every_step(step: int, after: bool) -> None:
    world = World()
    await world.replica().launch(world.provision())
    world.clock.pass_time(2)
    with suppress(Died):
        await mortal_replica(world, Fate(step, after=after)).launch(world.deprovision())
    await Life(world, world.replica(), world.deprovision()).go_on(60)
    assert (world.last.job.type, world.last.job.state) == (JobType.DEPROVISION, JobState.SUCCEEDED)
    assert world.aap.violations == []


async def test_the_deaths_above_reach_every_step_of_a_launch() -> None:
    world = World()
    fate = Fate(10**6, after=False)
    await mortal_replica(world, fate).launch(world.provision())
    assert world.story == ["claimed", "launched"]
    assert fate.steps <= LAST_STEP


async def finish(world: World) -> None:
    """Two other replicas hear the same intent, until the job that it asks for is done."""
    await Life(world, world.replica(), world.provision()).go_on(5)
    await Life(world, world.replica(), world.provision()).go_on(400)
    assert world.aap.violations == []
    if world.last.event is JobEventName.DELAYED:  # the watcher asks again
        await Life(world, world.replica(), world.provision()).go_on(30)
    assert world.last.job.state is JobState.SUCCEEDED, world.story
    assert len(world.aap.launches) == 1
