"""Which faults there are, how likely each is, and the dice that decide. All of it ends with `calm`."""

from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random

from simulation.history import History
from simulation.hosts import Host


class Fate(Enum):
    """What becomes of one request."""

    FINE = auto()
    UNREACHABLE = auto()
    """Nothing was sent."""
    LOST_REQUEST = auto()
    """Nothing happened, and nobody says so."""
    LOST_ANSWER = auto()
    """It happened, and nobody says so."""
    OVERDUE = auto()
    """It happens after the caller has lost patience."""
    CRASH_BEFORE = auto()
    CRASH_AFTER = auto()
    """The caller dies when it happens."""
    PAUSE_BEFORE = auto()
    PAUSE_AFTER = auto()
    """The caller is frozen before it can hear the answer."""


TROUBLE = {
    Fate.UNREACHABLE: 20,
    Fate.LOST_REQUEST: 12,
    Fate.LOST_ANSWER: 20,
    Fate.OVERDUE: 10,
    Fate.CRASH_BEFORE: 5,
    Fate.CRASH_AFTER: 10,
    Fate.PAUSE_BEFORE: 5,
    Fate.PAUSE_AFTER: 6,
}
CRASH_OR_PAUSE = {Fate.CRASH_BEFORE, Fate.CRASH_AFTER, Fate.PAUSE_BEFORE, Fate.PAUSE_AFTER}
DOWN_FOR = (1.0, 5.0, 20.0, 60.0, 300.0)
LATEST = 240.0
"""How long after it was sent a launch may still be committed, in seconds."""


@dataclass(frozen=True)
class Rates:
    """How likely trouble is, by what is at stake. Per request unless it says otherwise."""

    of_reads: float = 0.004
    of_writes: float = 0.03
    of_claims: float = 0.15
    of_launches: float = 0.25
    event_lost: float = 0.01
    acknowledgement_lost: float = 0.01
    doubled: float = 0.01
    late: float = 0.05
    late_commits: float = 0.04
    pauses: tuple[float, ...] = (60, 60, 400)
    """For how long hosts are frozen, in seconds."""
    playbooks: tuple[float, ...] = (3, 20, 60, 200, 400)
    """How long playbooks take, in seconds."""


@dataclass
class Dice:
    """All chance of one run."""

    random: Random
    history: History
    rates: Rates = field(default_factory=Rates)
    calm: bool = False
    """No faults any more."""

    def fate(self, host: Host, system: str, what: str, rate: float) -> Fate:
        """What becomes of the request *what* of *host* to *system*."""
        if self.calm or self.random.random() >= rate:
            return Fate.FINE
        (fate,) = self.random.choices(list(TROUBLE), weights=list(TROUBLE.values()))
        self.history.fault(fate.name.lower().replace("_", " "), host.name, f"{what} {system}")
        return fate

    def happens(self, chance: float) -> bool:
        """Whether a fault of that *chance* happens."""
        return not self.calm and self.random.random() < chance

    def latency(self) -> float:
        """How long a message takes, in seconds."""
        if self.happens(self.rates.late):
            return self.random.uniform(0.1, 3.0)
        return self.random.uniform(0.001, 0.02)

    def strike(self, host: Host) -> None:
        """Kill *host*, for a while."""
        host.kill(self.random.choice(DOWN_FOR))

    def freeze(self, host: Host) -> None:
        host.pause(self.random.choice(self.rates.pauses))
