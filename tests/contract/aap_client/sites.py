"""The AAPs that one suite asks the same questions: over HTTP, in memory, and in the simulation.

What is behind each is the state of the stand-in, so a test has the same hands in all of them; what differs
is the way to it, and how a request gets lost there.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import pytest

from aap_poller.controller import Controller
from cloudkit.contracts.errors import Unanswered, Unreachable
from cloudkit.runtime.testing import ManualClock
from contract.aap_client.conftest import TOKEN, client_of, controller_on, running
from sandbox.aap import Settings, create_app
from sandbox.aap import faults as stand_in
from sandbox.aap.control import Control
from sandbox.aap.controller import Controller as State
from sandbox.aap.model import User
from sandbox.aap.playbooks import Playbooks
from simulation import aap as simulated
from simulation.calm import CalmDice, calm
from simulation.faults import LATEST, Fate
from simulation.history import History
from simulation.hosts import Host
from unit.aap_poller.aap import MemoryAap

SETTINGS = Settings(token=TOKEN)


class Mishaps(Protocol):
    """What may happen to the next launch, and whose token it is."""

    async def do_not_send(self) -> None: ...

    async def lose_request(self) -> None: ...

    async def lose_answer(self) -> None: ...

    async def commit_late(self) -> None:
        """Within the time in which AAP may still do so."""
        ...

    async def become_superuser(self) -> None: ...


@dataclass(frozen=True)
class Site:
    """A port to AAP, what is behind it, and what may happen on the way."""

    aap: Controller
    clock: ManualClock
    _state: State
    mishaps: Mishaps

    @property
    def state(self) -> State:
        """What is there now."""
        self._state.advance()
        return self._state


@dataclass(frozen=True)
class HttpMishaps:
    control: Control

    async def do_not_send(self) -> None:
        await self._befall(stand_in.FaultKind.ANSWER, status=429)

    async def lose_request(self) -> None:
        await self._befall(stand_in.FaultKind.DROP)

    async def lose_answer(self) -> None:
        await self._befall(stand_in.FaultKind.DROP_AFTER)

    async def commit_late(self) -> None:
        await self._befall(stand_in.FaultKind.COMMIT_LATE, seconds=LATEST / 2)

    async def become_superuser(self) -> None:
        await self.control.add_token(TOKEN, User(superuser=True))

    async def _befall(self, kind: stand_in.FaultKind, *, status: int = 502, seconds: float = 0.0) -> None:
        fault = stand_in.Fault(kind=kind, method="POST", path="/launch/", status=status, seconds=seconds)
        await self.control.add_faults(fault)


@dataclass(frozen=True)
class MemoryMishaps:
    aap: MemoryAap

    async def do_not_send(self) -> None:
        self.aap.failures["launch"] = [Unreachable("not now", system="AAP")]

    async def lose_request(self) -> None:
        self.aap.failures["launch"] = [Unanswered("it was lost", system="AAP")]

    async def lose_answer(self) -> None:
        self.aap.lost_answers.append(Unanswered("it was lost", system="AAP"))

    async def commit_late(self) -> None:
        self.aap.late.append(LATEST / 2)

    async def become_superuser(self) -> None:
        self.aap.superuser = True


class LoadedDice(CalmDice):
    """Fall as a test has laid them: *fates* of requests, and whether the next *faults* happen."""

    def __init__(self, history: History) -> None:
        super().__init__(history)
        self.fates: deque[Fate] = deque()
        self.faults: deque[bool] = deque()

    def fate(self, host: Host, system: str, what: str, rate: float) -> Fate:
        return self.fates.popleft() if self.fates else Fate.FINE

    def happens(self, chance: float) -> bool:
        return bool(self.faults) and self.faults.popleft()


@dataclass(frozen=True)
class SimulatedMishaps:
    server: simulated.Server
    dice: LoadedDice

    async def do_not_send(self) -> None:
        self.dice.fates.append(Fate.UNREACHABLE)

    async def lose_request(self) -> None:
        self.dice.fates.append(Fate.LOST_REQUEST)

    async def lose_answer(self) -> None:
        self.dice.fates.append(Fate.LOST_ANSWER)

    async def commit_late(self) -> None:
        self.dice.faults.append(True)

    async def become_superuser(self) -> None:
        self.server.superuser = True


@asynccontextmanager
async def http_site() -> AsyncIterator[Site]:
    clock = ManualClock()
    async with (
        running(create_app(SETTINGS, clock=clock)) as there,
        client_of(there) as client,
        Control(f"{there.url}/sandbox") as control,
    ):
        yield Site(controller_on(client), clock, there.state, HttpMishaps(control))


@asynccontextmanager
async def memory_site() -> AsyncIterator[Site]:
    clock = ManualClock()
    aap = MemoryAap(clock)
    yield Site(aap, clock, aap.state, MemoryMishaps(aap))


@asynccontextmanager
async def simulated_site(patience: float = 0.05) -> AsyncIterator[Site]:
    """Answers are waited for no longer than *patience*; what playbooks do is up to the test."""
    clock = ManualClock()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("simulation.aap.PATIENCE", patience)
        async with calm(LoadedDice) as world:
            assert isinstance(world.dice, LoadedDice)
            server = simulated.Server(clock, world.dice, lambda _: None, lambda _: None)
            server.state.playbooks = Playbooks(SETTINGS)
            aap = simulated.SimulatedAap(server, world.network, world.dice, world.process(clock))
            yield Site(aap, clock, server.state, SimulatedMishaps(server, world.dice))


SITES = {"over HTTP": http_site, "in memory": memory_site, "in simulation": simulated_site}
