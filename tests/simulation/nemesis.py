"""The great misfortunes: hosts die and freeze, systems cannot be reached, logs are lost, backups restored."""

from dataclasses import dataclass

from cloudkit.contracts.subjects import INTENTS
from simulation import aap, bus
from simulation.climates import Climate
from simulation.faults import Dice
from simulation.history import History
from simulation.hosts import Host
from simulation.invariants import Invariants
from simulation.kubernetes import KUBERNETES, ApiServer
from simulation.loop import WORLD, VirtualLoop
from simulation.network import Network

EVERY = 40.0
"""Seconds between two misfortunes, on average."""
LAST = ("kill", "lose_log", "lose_intents", "restore_status", "restore_status", "purge", "restore_everything")


@dataclass
class Nemesis:
    """Strikes now and then, until the dice are calm. Which misfortunes there are depends on the *climate*."""

    hosts: list[Host]
    loop: VirtualLoop
    dice: Dice
    history: History
    network: Network
    bus: "bus.Server"
    kube: ApiServer
    aap: "aap.Server"
    invariants: Invariants
    climate: Climate

    def __post_init__(self) -> None:
        self._statuses: dict[str, list[dict[str, object]]] = {}
        self._soon()

    def _soon(self) -> None:
        self.loop.call_later(self.dice.random.expovariate(1 / EVERY), self._strike, context=WORLD)

    def _strike(self) -> None:
        if self.dice.calm:
            return
        misfortunes = self.climate.misfortunes
        (misfortune,) = self.dice.random.choices(list(misfortunes), weights=list(misfortunes.values()))
        getattr(self, f"_{misfortune}")()
        self._remember_statuses()
        self._soon()

    def strike_last(self) -> None:
        """A misfortune that nobody will do anything after which would mend it by chance."""
        getattr(self, f"_{self.dice.random.choice(LAST)}")()

    def _kill(self) -> None:
        host = self.dice.random.choice(self.hosts)
        self.history.fault("killed", host.name, "")
        self.dice.strike(host)

    def _freeze(self) -> None:
        host = self.dice.random.choice(self.hosts)
        self.history.fault("frozen", host.name, "")
        self.dice.freeze(host)

    def _freeze_many(self) -> None:
        """As when a machine stands still on which many hosts are guests."""
        seconds = self.dice.random.choice((60.0, 320.0, 400.0))
        for host in self.hosts:
            if self.dice.random.random() < 0.6:
                self.history.fault("frozen together", host.name, "")
                host.pause(seconds + self.dice.random.uniform(0.0, 5.0))

    def _kill_many(self) -> None:
        """As after a rollout that went wrong: one service is away for minutes."""
        service = self.dice.random.choice(("aap-poller", "aap-poller", "aap-poller", "status-writer"))
        self._kill_all(service, self.dice.random.uniform(200.0, 290.0))

    def _kill_all(self, service: str, seconds: float) -> None:
        if self.dice.calm:
            return
        for host in self.hosts:
            if host.name.startswith(service):
                self.history.fault("killed together", host.name, "")
                host.kill(seconds)

    def _black_out(self) -> None:
        """First those are away who act, then also those who ask, and they come back in the same order."""
        seconds = self.dice.random.uniform(380.0, 450.0)
        self._kill_all("aap-poller", seconds)
        self.loop.call_later(60.0, self._kill_all, "watcher", seconds, context=WORLD)

    def _cut_off(self) -> None:
        system = self.dice.random.choice([bus.NATS, KUBERNETES, aap.AAP])
        seconds = self.dice.random.choice([5.0, 30.0, 120.0])
        self.history.fault("outage", system, f"for {seconds:.0f} s")
        self.network.cut_off(system, seconds)

    def _lose_log(self) -> None:
        self.history.fault("log lost", bus.NATS, "")
        self.history.counts["lost logs"] += 1
        self.invariants.lost_logs.append(self.loop.time())
        self.bus.lose_log()

    def _lose_intents(self) -> None:
        self.history.fault("intents lost", bus.NATS, "")
        self.bus.streams[INTENTS].messages.clear()

    def _remember_statuses(self) -> None:
        for seen in self.kube.all():
            metadata = seen.instance.metadata
            status = self.kube.raw(metadata.namespace, metadata.name).get("status", {})
            self._statuses.setdefault(metadata.uid, []).append(status)

    def _restore_status(self) -> None:
        """From a backup, as whoever moves a cluster does it."""
        for seen in self.kube.all():
            metadata = seen.instance.metadata
            if (kept := self._statuses.get(metadata.uid)) and self.dice.random.random() < 0.5:
                now = self.kube.raw(metadata.namespace, metadata.name).get("status", {})
                # One of the same generation is the worst: nothing but its jobs shows that it is old.
                alike = [
                    old for old in kept if old.get("observedGeneration") == now.get("observedGeneration")
                ]
                old = self.dice.random.choice(alike or kept)
                self.history.fault("status restored", metadata.name, "")
                self.invariants.restored.add(metadata.uid)
                self.kube.write_status(metadata.namespace, metadata.name, old)
                self.invariants.restored.discard(metadata.uid)

    def _compact(self) -> None:
        self.history.fault("watch cache compacted", KUBERNETES, "")
        self.kube.compact()

    def _purge(self) -> None:
        active = self.dice.random.random() < 0.3
        if (job := self.aap.pick(self.dice.random, active=active)) is not None:
            self.history.fault("job purged", aap.AAP, str(job.id))
            self.aap.state.purge(job, self.aap.state.now, by="cleanup")
            self.aap.tell()

    def _restore_aap(self) -> None:
        self.history.fault("AAP restored", aap.AAP, "")
        state = self.aap.present()
        state.restore(state.settings.first_id + self.dice.random.randint(0, 3))
        self.aap.tell()

    def _restore_everything(self) -> None:
        """As after a fire: nothing is left of the log, AAP is a new one, statuses are from a backup."""
        self._lose_log()
        self._restore_aap()
        self._restore_status()
