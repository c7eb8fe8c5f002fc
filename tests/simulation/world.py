"""One run: the real services on hosts of their own, in a world that one seed decides, until everything has
come to rest.
"""

import random
from collections.abc import Callable, Iterator
from itertools import chain
from random import Random

from cloudkit.contracts.instance import ComputeInstance
from simulation import aap, bus, eda, kubernetes
from simulation.backups import Backups
from simulation.bugs import BUGS
from simulation.climates import climate_of
from simulation.convergence import Convergence
from simulation.faults import Dice
from simulation.history import History
from simulation.hosts import Host, HostClock
from simulation.invariants import Invariants
from simulation.lateness import Lateness
from simulation.loop import Uncollected, VirtualLoop
from simulation.nemesis import Nemesis
from simulation.network import Network
from simulation.oddities import Oddities
from simulation.services import Services
from simulation.users import NAMESPACE, Users
from unit.aap_poller.aap import CREATE, DELETE

CHAOS = 3000.0
"""For how long there are faults, in seconds; after that everything must come to rest."""
REST_WITHIN = 4000.0
"""A change that a watch dropped is noticed when the watcher lists again, within half an hour; then jobs of
400 s may still have to run one after the other."""
LOOK_EVERY = 10.0
ENVIRON = {
    "CLOUDKIT_PROVISIONING_PROVIDER": "aap",
    "CLOUDKIT_RETRY_BASE": "20s",
    "CLOUDKIT_RETRY_MAX": "60s",
    "CLOUDKIT_AAP_URL": "https://aap/api/controller",
    "CLOUDKIT_AAP_TOKEN": "token",
    "CLOUDKIT_AAP_PROVISION_TEMPLATE": CREATE,
    "CLOUDKIT_AAP_DEPROVISION_TEMPLATE": DELETE,
}
SKEWS = (0.0, 0.0, 0.5, -2.0, 30.0, -45.0, 180.0, -240.0)
"""How wrong the clocks of hosts are, in seconds."""
REPLICAS = (1, 1, 2, 2, 3)


class World:
    """Everything there is. The same *seed* always leads to the same history."""

    def __init__(self, seed: int, *, bug: str = "") -> None:
        self.bug = BUGS[bug]()
        random.seed(seed)  # for libraries that have no generator of their own, as stamina
        self.random = Random(seed)
        self.loop = VirtualLoop()  # type: ignore[abstract]  # what it lacks is about I/O
        self.history = History(self.loop.time)
        climate = climate_of(seed)
        self.dice = Dice(self.random, self.history, climate.rates)
        self.network = Network(self.loop, self.dice)
        lateness = Lateness(self.history, self.loop.time, self.network)
        self.invariants = Invariants(self.history, self.loop.time, lateness)
        self.kube = kubernetes.ApiServer(self._clock(), self._written)
        self.aap = aap.Server(self._clock(), self.dice, self.invariants.happened, lateness.sent)
        self.bus = bus.Server(self.loop, self.dice, self._clock(), self.invariants.appended)
        self.eda = eda.Server(seed, self.loop, self.dice, self.kube, self.aap, self.invariants)
        self.bug.servers(self.bus)
        self.oddities = Oddities(seed, self.aap, self.loop, self.dice)
        self.backups = Backups(seed, self.loop, self.dice, self.history, self.kube, self.invariants)
        self.names = tuple(f"vm-{letter}" for letter in "abcd"[: self.random.randint(2, 4)])
        lateness.hosts = self.hosts = self._hosts()
        self.users = Users(
            self.names,
            self.loop,
            self.dice,
            self.history,
            self.kube,
            self.aap,
            self.invariants,
            climate,
        )
        self.convergence = Convergence(
            self.names, self.kube, self.aap, self.bus, self.invariants, calm_since=CHAOS
        )
        self.eda.move_instances(self.names, NAMESPACE)
        self.nemesis = Nemesis(
            self.hosts,
            self.loop,
            self.dice,
            self.history,
            self.network,
            self.bus,
            self.kube,
            self.aap,
            self.invariants,
            climate,
        )

    def run(self) -> History:
        """Live through it all."""
        with Uncollected():
            for host in self.hosts:
                host.start()
            self.loop.run_until(CHAOS)
            self._calm_down()
            self._rest(self.convergence.missing_until_ready)
            self.users.delete_everything()
            self._rest(self.convergence.missing_until_gone)
            self._tell_of_bugs()
            self._end()
        return self.history

    def _calm_down(self) -> None:
        self._told: set[str] = set()
        self.nemesis.strike_last()
        self.history.tell("world", "no faults any more")
        self.dice.calm = True
        self.network.away.clear()
        for host in self.hosts:
            host.wake()
        self.users.look_after_everything()

    def _rest(self, missing: Callable[[], Iterator[str]]) -> None:
        """Wait until nothing is *missing*; I6 is that this comes."""
        until = self.loop.time() + REST_WITHIN
        while self.loop.time() < until:
            self.loop.run_until(self.loop.time() + LOOK_EVERY)
            if next(missing(), None) is None:
                return
            self._check_that_all_move()
        for what in chain(missing()):
            self.history.violated("I6", what)

    def _check_that_all_move(self) -> None:
        """Without faults nothing may take long, even if it heals in the end."""
        for what in self.convergence.at_a_standstill(self.loop.time()):
            if what not in self._told:
                self._told.add(what)
                self.history.violated("I6", what)

    def _tell_of_bugs(self) -> None:
        for crash in self.loop.crashes:
            if "handle" in crash:
                self.history.violated("bug", repr(crash.get("exception")))

    def _end(self) -> None:
        """Leave nothing behind that would be told of later, somewhere else."""
        self.history.close()
        for host in self.hosts:
            for process in host.processes:
                process.let_go(self.loop)
        self.loop.end()

    def _clock(self) -> HostClock:
        skew = self.random.choice(SKEWS)
        return HostClock(self.loop, skew=skew, counts_from=self.random.uniform(0, 1e6))

    def _hosts(self) -> list[Host]:
        environ = ENVIRON | {
            "CLOUDKIT_AAP_SWEEP_INTERVAL": self.random.choice(("5s", "10s", "30s")),
            "CLOUDKIT_AAP_STATUS_POLL_INTERVAL": self.random.choice(("30s", "120s")),
            "CLOUDKIT_MAX_JOB_HISTORY": self.random.choice(("2", "4", "10")),
            **self.eda.environ,
            **self.bug.environ,
        }
        services = Services(
            self.loop, self.dice, self.network, self.bus, self.kube, self.aap, self.eda, environ, self.bug
        )
        return [
            Host(f"{name}-{number}", self.loop, self._clock(), boot)
            for name, boot in services.table.items()
            for number in range(1, self.random.choice(REPLICAS) + 1)
        ]

    def _written(self, instance: ComputeInstance, gone: bool) -> None:
        self.aap.present()
        self.invariants.written(instance, gone)
