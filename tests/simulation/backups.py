"""Backups of the cluster in one world: what was deleted comes back, as it was before anybody thought of that.

It has dice of its own: worlds without backups stay as they were.
"""

from dataclasses import dataclass, field
from random import Random

from cloudkit.contracts.instance import ComputeInstance
from simulation.faults import Dice
from simulation.history import History
from simulation.invariants import Invariants
from simulation.kubernetes import ApiServer
from simulation.loop import WORLD, VirtualLoop

EVERY = 30.0
"""Seconds between two backups, on average, after each of which one may be restored."""
WORLDS_WITH_BACKUPS = 0.3


@dataclass
class Backups:
    """Takes and restores them in the world with *seed*, or not, until the dice are calm."""

    seed: int
    loop: VirtualLoop
    dice: Dice
    history: History
    kube: ApiServer
    invariants: Invariants
    _kept: dict[str, list[ComputeInstance]] = field(init=False, default_factory=dict)
    """Of each name, what backups have of it."""
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(f"backups of {self.seed}")
        if self._random.random() < WORLDS_WITH_BACKUPS:
            self._soon()

    def _soon(self) -> None:
        self.loop.call_later(self._random.expovariate(1 / EVERY), self._happen, context=WORLD)

    def _happen(self) -> None:
        if self.dice.calm:
            return
        for seen in self.kube.all():
            if seen.instance.adopted and not seen.instance.deleting:
                self._kept.setdefault(seen.instance.metadata.name, []).append(seen.instance)
        there = {seen.instance.metadata.name for seen in self.kube.all()}
        for name, kept in self._kept.items():
            if name not in there and self._random.random() < 0.5:
                self._restore(self._random.choice(kept[-5:]))
        self._soon()

    def _restore(self, instance: ComputeInstance) -> None:
        """Its name is free again: whoever had it last is gone, and perhaps nobody has heard of that yet."""
        uid = instance.metadata.uid
        self.history.fault("came back from a backup", instance.metadata.name, uid[-4:])
        self.invariants.came_back(uid, paused=instance.paused)
        self.kube.restore(instance)
        self.invariants.restored.discard(uid)
