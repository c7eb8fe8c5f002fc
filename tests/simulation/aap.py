"""AAP in memory, as the real poller sees it: the stand-in's own state behind a network that loses answers,
and a controller that commits late, forgets jobs and is restored from backups.
"""

from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any, TypeVar

from aap_poller.controller import Template
from aap_poller.rows import Row
from cloudkit.contracts.errors import Refused
from cloudkit.contracts.jobs import JobKind
from cloudkit.runtime.ports import Clock
from sandbox.aap.audit import AuditEntry
from sandbox.aap.controller import Controller as State
from sandbox.aap.model import Job
from sandbox.aap.playbooks import Outcome, Play, Playbooks
from sandbox.aap.settings import Settings
from sandbox.aap.subjects import Purpose, Subject
from simulation.faults import LATEST, Dice
from simulation.hosts import Process
from simulation.network import Network
from unit.aap_poller.aap import MemoryAap

T = TypeVar("T")

AAP = "AAP"
PATIENCE = 35.0
LINGERS = 3.0
"""How long a playbook goes on after its job is shown as canceled; less than our grace."""


class RandomPlaybooks(Playbooks):
    """Jobs that take as long, and end, as the dice say."""

    def __init__(self, settings: Settings, dice: Dice) -> None:
        super().__init__(settings)
        self._dice = dice

    def plan(self, template: str, purpose: Purpose, subject: Subject) -> Play:
        play = super().plan(template, purpose, subject)
        random = self._dice.random
        fails = self._dice.happens(0.3)
        return Play(
            outcome=random.choice((Outcome.FAILED, Outcome.ERROR)) if fails else Outcome.SUCCESSFUL,
            failure=play.failure,
            seconds=random.choice(self._dice.rates.playbooks),
            pending_seconds=random.choice((0.1, 1, 10)),
            waiting_seconds=random.choice((0.1, 1)),
            cancel_seconds=random.choice((0.1, 1, 20)),
            survives_cancel=False,
        )


class Server(MemoryAap):
    """The controller. *happened* hears of every entry of its audit log, *sent* of launches on their way."""

    def __init__(
        self,
        clock: Clock,
        dice: Dice,
        happened: Callable[[AuditEntry], None],
        sent: Callable[[str], None],
    ) -> None:
        super().__init__(clock)
        self._sent = sent
        settings = Settings(linger_seconds=LINGERS)
        self.state = State(settings, clock)
        self.state.playbooks = RandomPlaybooks(settings, dice)
        self._dice = dice
        self._happened = happened
        self._heard = 0

    def present(self) -> State:
        state = super().present()
        self.tell()
        return state

    def tell(self) -> None:
        """Tell what happened since this was called last."""
        for entry in self.state.audit.after(self._heard):
            self._heard += 1
            self._happened(entry)

    def sent(self, who: str, key: str) -> None:
        """The launch of *key* is on its way."""
        self._dice.history.tell(who, f"launches {key}")
        self._sent(key)

    def pick(self, random: Random, *, active: bool) -> Job | None:
        """Some job that is running, or that has ended."""
        jobs = [job for job in self.present().jobs if job.active is active]
        return random.choice(jobs) if jobs else None


class SimulatedAap:
    """A `aap_poller.controller.Controller` in *process*."""

    def __init__(self, server: Server, network: Network, dice: Dice, process: Process) -> None:
        self._server = server
        self._network = network
        self._dice = dice
        self._process = process

    async def templates(self, name: str, organization: str = "") -> Sequence[Template]:
        return await self._ask("templates", lambda: self._server.templates(name, organization))

    async def launch(self, template: Template, extra_vars: Mapping[str, Any]) -> Row:
        async def launched() -> Row:
            if self._dice.happens(0.05):
                raise Refused("not now", system=AAP, status=400)
            if late:
                self._server.late.append(late)
            return await self._server.launch(template, extra_vars)

        what = f"launch {extra_vars['cloudkit_job']}"
        late_commit = self._dice.happens(self._dice.rates.late_commits)
        late = self._dice.random.uniform(1, LATEST) if late_commit else 0.0
        if late:
            self._dice.history.fault("late commit", AAP, f"{what}, seen {late:.0f} s later")
        self._server.sent(str(self._process), extra_vars["cloudkit_job"])
        rate = 0 if late else self._dice.rates.of_launches
        return await self._ask(what, launched, rate=rate, at_once=True)

    async def cancel(self, kind: JobKind, id: str) -> None:
        self._dice.history.tell(str(self._process), f"cancels {id}")
        await self._ask("cancel", lambda: self._server.cancel(kind, id), rate=self._dice.rates.of_writes)

    async def job(self, kind: JobKind | None, id: str) -> Row | None:
        return await self._ask("job", lambda: self._server.job(kind, id))

    async def jobs(self, ids: Collection[str]) -> Sequence[Row]:
        return await self._ask("jobs", lambda: self._server.jobs(ids))

    async def changed_since(self, since: datetime | None, templates: Collection[int]) -> Sequence[Row]:
        return await self._ask("changes", lambda: self._server.changed_since(since, templates))

    async def created_between(
        self, since: datetime | None, until: datetime | None, templates: Collection[int]
    ) -> AsyncIterator[Row]:
        async def listed() -> list[Row]:
            return [row async for row in self._server.created_between(since, until, templates)]

        for row in await self._ask("list", listed):
            yield row

    async def failure(self, row: Row) -> str:
        return await self._ask("reason", lambda: self._server.failure(row))

    async def _ask(
        self,
        what: str,
        question: Callable[[], Coroutine[Any, Any, T]],
        *,
        rate: float | None = None,
        at_once: bool = False,
    ) -> T:
        def deed() -> T:
            try:
                return _at_once(question())
            finally:
                self._server.tell()

        rate = self._dice.rates.of_reads if rate is None else rate
        return await self._network.request(
            self._process, AAP, what, deed, rate=rate, patience=PATIENCE, at_once=at_once
        )


def _at_once(question: Coroutine[Any, Any, T]) -> T:
    """What the fake answers, whose calls only pause to let others have their turn."""
    try:
        while True:
            question.send(None)
    except StopIteration as answer:
        result: T = answer.value
        return result
