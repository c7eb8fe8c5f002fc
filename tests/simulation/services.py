"""The real services, wired by their own assemblies as their ``__main__`` does, on ports of the simulation."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aap_poller.assembly import Surroundings
from aap_poller.assembly import assemble as assemble_poller
from aap_poller.limiter import Limiter
from aap_poller.presence import Presence
from aap_poller.settings import Settings as PollerSettings
from cloudkit.runtime.bus import Bus
from cloudkit.runtime.delivery import BatchSubscription, Subscription
from cloudkit.runtime.health import Health
from cloudkit.runtime.kube import KubeInstances
from cloudkit.runtime.settings import read_settings
from cloudkit.runtime.testing.noticeboard import MemoryNoticeboard
from eda_dispatcher.assembly import Surroundings as DispatcherSurroundings
from eda_dispatcher.assembly import assemble as assemble_dispatcher
from eda_dispatcher.settings import Settings as DispatcherSettings
from simulation import aap, bus, eda, kubernetes
from simulation.bugs import Bug
from simulation.faults import Dice
from simulation.hosts import Process
from simulation.loop import VirtualLoop
from simulation.network import Network
from status_writer.assembly import assemble as assemble_writer
from status_writer.settings import Settings as WriterSettings
from watcher.assembly import assemble as assemble_watcher
from watcher.settings import Settings as WatcherSettings
from watcher.subscriptions import listen

POLLS_EVERY = 5.0
"""Instead of every half second, so that a run takes less time of ours."""


@dataclass(frozen=True)
class Services:
    """Boots a service in a process, with the settings in *environ*."""

    loop: VirtualLoop
    dice: Dice
    network: Network
    bus: "bus.Server"
    kube: "kubernetes.ApiServer"
    aap: "aap.Server"
    eda: "eda.Server"
    environ: Mapping[str, str]
    bug: Bug

    @property
    def table(self) -> dict[str, Callable[[Process], None]]:
        """Each service by its name."""
        table: dict[str, Callable[[Process], None]] = {
            "watcher": self.boot_watcher,
            "aap-poller": self.boot_poller,
            "status-writer": self.boot_writer,
        }
        return table | ({"eda-dispatcher": self.boot_dispatcher} if self.eda.runs else {})

    def boot_watcher(self, process: Process) -> None:
        feed, watcher = assemble_watcher(
            read_settings(WatcherSettings, self.environ),
            kube=self._kube(process),
            intents=self._open(process, "watcher").intents,
            clock=process.host.clock,
            health=Health(),
            random=self.dice.random,
        )

        self.bug.watcher(watcher)

        async def live() -> None:
            async with watcher.lanes.working():
                await listen(feed, watcher, stopping=asyncio.Event())

        self.loop.create_task(live(), context=process.context)

    def boot_poller(self, process: Process) -> None:
        opened = self._open(process, "aap-poller")
        settings, health = read_settings(PollerSettings, self.environ), Health()
        around = Surroundings(
            jobs=opened.jobs,
            intents=opened.intents,
            aap=self.bug.aap(aap.SimulatedAap(self.aap, self.network, self.dice, process)),
            limiter=Limiter(process.host.clock, settings.requests_per_second),
            clock=process.host.clock,
            health=health,
        )
        poller = assemble_poller(settings, around, Presence(health, process.host.clock))
        poller = self.bug.poller(poller)
        for subscription in poller.subscriptions:
            if isinstance(subscription, BatchSubscription):
                self._deliver(opened, process, replace(subscription, every=POLLS_EVERY))
            else:
                self._deliver(opened, process, subscription)
        self.loop.create_task(poller.sweep.run(asyncio.Event()), context=process.context)

    def boot_dispatcher(self, process: Process) -> None:
        opened = self._open(process, "eda-dispatcher")
        around = DispatcherSurroundings(
            jobs=opened.jobs,
            intents=opened.intents,
            webhooks=eda.SimulatedEda(self.eda, self.network, self.dice, process),
            clock=process.host.clock,
            health=Health(),
        )
        for subscription in assemble_dispatcher(read_settings(DispatcherSettings, self.environ), around):
            self._deliver(opened, process, subscription)

    def boot_writer(self, process: Process) -> None:
        opened = self._open(process, "status-writer")
        writer, subscriptions = assemble_writer(
            read_settings(WriterSettings, self.environ),
            instances=self.bug.instances(KubeInstances(self._kube(process))),
            noticeboard=MemoryNoticeboard(process.host.clock),
            jobs=opened.jobs,
            clock=process.host.clock,
        )
        self.bug.writer(writer)
        for subscription in subscriptions:
            self._deliver(opened, process, subscription)

        async def live() -> None:
            async with writer.working():
                await asyncio.Event().wait()

        self.loop.create_task(live(), context=process.context)

    def _open(self, process: Process, service: str) -> Bus:
        opened = bus.bus_of(self.bus, self.network, process, service)
        jobs = self.bug.jobs(opened.jobs, process.host.clock)
        return replace(opened, jobs=jobs, intents=self.bug.intents(opened.intents))

    def _kube(self, process: Process) -> kubernetes.SimulatedKube:
        return kubernetes.SimulatedKube(self.kube, self.network, self.loop, self.dice, process)

    def _deliver(
        self, opened: Bus, process: Process, subscription: Subscription[Any] | BatchSubscription[Any]
    ) -> None:
        first = self.bug.acknowledges_first
        bus.deliver(opened, self.bus, process, subscription, acknowledge_first=first)
