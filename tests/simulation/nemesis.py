"""The great misfortunes: hosts die and freeze, systems cannot be reached, logs are lost, backups restored."""

from dataclasses import dataclass

from cloudkit.contracts.subjects import INTENTS
from simulation import aap, bus
from simulation.faults import Dice
from simulation.history import History
from simulation.hosts import Host
from simulation.invariants import Invariants
from simulation.kubernetes import KUBERNETES, ApiServer
from simulation.loop import WORLD, VirtualLoop
from simulation.network import Network

EVERY = 40.0
"""Seconds between two misfortunes, on average."""
MISFORTUNES = {
    "kill": 30,
    "freeze": 20,
    "cut_off": 10,
    "lose_log": 0.9,
    "lose_intents": 2,
    "restore_status": 3,
    "compact": 4,
    "purge": 3,
    "restore_aap": 0.4,
}


@dataclass
class Nemesis:
    """Strikes now and then, until the dice are calm."""

    hosts: list[Host]
    loop: VirtualLoop
    dice: Dice
    history: History
    network: Network
    bus: "bus.Server"
    kube: ApiServer
    aap: "aap.Server"
    invariants: Invariants

    def __post_init__(self) -> None:
        self._statuses: dict[str, list[dict[str, object]]] = {}
        self._soon()

    def _soon(self) -> None:
        self.loop.call_later(self.dice.random.expovariate(1 / EVERY), self._strike, context=WORLD)

    def _strike(self) -> None:
        if self.dice.calm:
            return
        (misfortune,) = self.dice.random.choices(list(MISFORTUNES), weights=list(MISFORTUNES.values()))
        getattr(self, f"_{misfortune}")()
        self._remember_statuses()
        self._soon()

    def _kill(self) -> None:
        host = self.dice.random.choice(self.hosts)
        self.history.fault("killed", host.name, "")
        self.dice.strike(host)

    def _freeze(self) -> None:
        host = self.dice.random.choice(self.hosts)
        self.history.fault("frozen", host.name, "")
        self.dice.freeze(host)

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
                old = self.dice.random.choice(kept)
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
