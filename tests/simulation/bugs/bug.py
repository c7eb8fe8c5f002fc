"""What a bug may spoil: the ports that services get, and what their assemblies have made of them."""

from collections.abc import Mapping
from typing import Any

from aap_poller.assembly import Poller
from aap_poller.controller import Controller
from aap_poller.handlers import Handlers
from aap_poller.launching import Launching
from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.instance import InstanceRef
from cloudkit.runtime.ports import Clock, Instances, Intents, JobLog, LogEpoch, Position
from simulation import bus
from status_writer.handlers import StatusWriter
from watcher.handlers import Watcher

AGES = 1e7
"""Longer than anything lasts, in seconds."""


class Bug:
    """No bug at all. Each method is given something as it should be, and returns what is used.

    There is one for a whole world. Bugs that spoil different things are made together by inheriting from
    both.
    """

    environ: Mapping[str, str] = {}
    acknowledges_first = False

    def servers(self, nats: "bus.Server") -> None:
        """Spoil what outlives processes."""

    def jobs(self, log: JobLog, clock: Clock) -> JobLog:
        return log

    def intents(self, board: Intents) -> Intents:
        return board

    def instances(self, instances: Instances) -> Instances:
        return instances

    def aap(self, aap: Controller) -> Controller:
        return aap

    def watcher(self, watcher: Watcher) -> None:
        """Spoil a watcher that was just made."""

    def writer(self, writer: StatusWriter) -> None:
        """Spoil a status-writer that was just made."""

    def poller(self, poller: Poller) -> Poller:
        return poller


class Passing:
    """A port that passes on to *right* whatever is not spoiled."""

    def __init__(self, right: Any) -> None:
        self.right = right

    def __getattr__(self, name: str) -> Any:
        return getattr(self.right, name)


class PassingLog(Passing):
    """A job log of a process with *clock*."""

    def __init__(self, right: JobLog, clock: Clock) -> None:
        super().__init__(right)
        self.clock = clock

    async def append_rightly(self, event: JobEvent, at: Position, id: str | None) -> Position:
        appended: Position = await self.right.append(event, at, id=id)
        return appended

    async def position_read_rightly(self, instance: InstanceRef) -> Position:
        at: Position = await self.right.position(instance)
        return at


class LogOfAnotherAge(Passing):
    """A job log that says that it is *older* (seconds) than it is."""

    def __init__(self, right: JobLog, older: float) -> None:
        super().__init__(right)
        self._older = older

    async def epoch(self) -> LogEpoch:
        epoch: LogEpoch = await self.right.epoch()
        return LogEpoch(epoch.created, epoch.age + self._older)


def handlers_of(poller: Poller) -> Handlers:
    """What *poller* does with intents."""
    intents: Any = poller.subscriptions[0].handler
    handlers: Handlers = intents.__self__
    return handlers


def launching(poller: Poller) -> Launching:
    """The part of *poller* that launches."""
    return handlers_of(poller).launching


def put(part: Any, name: str, spoiled: Any) -> None:
    """Have the frozen *part* use *spoiled* under *name*."""
    object.__setattr__(part, name, spoiled)


def nothing(result: Any = None) -> Any:
    """A handler, or a step of one, that does nothing and returns *result*."""

    async def do_nothing(*_: object, **__: object) -> Any:
        return result

    return do_nothing
