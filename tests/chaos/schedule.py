"""Who is struck when, and how: drawn from a seed, before anything happens.

A process is struck again only once it is whole; of the nodes of NATS, which need a majority, and of the
stand-ins that are alone one at a time. All faults end before the schedule does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Kind(StrEnum):
    """What happens to a target."""

    KILL = "kill -9"
    FREEZE = "freeze"
    KILL_NODE = "kill -9 of a NATS node"
    KILL_LEADER = "kill -9 of the stream leader"
    FREEZE_NODE = "freeze of a NATS node"
    KILL_KUBERNETES = "kill -9 of Kubernetes"
    FREEZE_AAP = "freeze of AAP"
    AAP_FAULT = "trouble with AAP"
    EDA_FAULT = "trouble with EDA"


SHARES = {
    Kind.KILL: 30,
    Kind.FREEZE: 16,
    Kind.KILL_NODE: 6,
    Kind.KILL_LEADER: 6,
    Kind.FREEZE_NODE: 4,
    Kind.KILL_KUBERNETES: 5,
    Kind.FREEZE_AAP: 3,
    Kind.AAP_FAULT: 20,
    Kind.EDA_FAULT: 10,
}
"""How often each is drawn, of a hundred."""
LASTS = {
    Kind.KILL: (0.1, 4.0),
    Kind.FREEZE: (0.5, 5.0),
    Kind.KILL_NODE: (0.1, 4.0),
    Kind.KILL_LEADER: (0.1, 4.0),
    Kind.FREEZE_NODE: (0.5, 4.0),
    Kind.KILL_KUBERNETES: (0.1, 3.0),
    Kind.FREEZE_AAP: (0.5, 3.0),
}
"""Between how many seconds and how many the target is away. Other kinds wear off by themselves."""
RECOVERY = 5.0
"""Seconds that a target is left alone once it is back."""
BETWEEN = (0.3, 1.6)
"""Seconds between two strikes."""


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What can be struck: processes by name, faults by theirs. Without *kubernetes* it is a real one."""

    services: tuple[str, ...]
    nodes: tuple[str, ...]
    aap_faults: tuple[str, ...]
    eda_faults: tuple[str, ...]
    kubernetes: bool = True


@dataclass(frozen=True, kw_only=True)
class Strike:
    """*target* is struck *at* so many seconds after the start, and is away for *lasts* seconds."""

    at: float
    kind: Kind
    target: str
    lasts: float = 0.0

    def __str__(self) -> str:
        away = f" for {self.lasts:.1f} s" if self.lasts else ""
        return f"{self.at:6.1f} s  {self.kind}: {self.target}{away}"


def draw(seed: int, seconds: float, targets: Targets) -> tuple[Strike, ...]:
    """The strikes of the first *seconds* seconds, in order: the same ones for the same arguments."""
    return tuple(_strikes(Random(seed), seconds, targets))


def _strikes(dice: Random, seconds: float, targets: Targets) -> Iterator[Strike]:
    whole_at: dict[str, float] = {}
    at = dice.uniform(*BETWEEN)
    while at < seconds:
        strike = _strike(dice, at, targets)
        party = _party(strike)
        if strike.at + strike.lasts < seconds and whole_at.get(party, 0.0) <= at:
            whole_at[party] = at + strike.lasts + (RECOVERY if strike.lasts else 0.0)
            yield strike
        at += dice.uniform(*BETWEEN)


def _strike(dice: Random, at: float, targets: Targets) -> Strike:
    choices = {kind: found for kind in Kind if (found := _targets_of(kind, targets))}
    (kind,) = dice.choices(list(choices), [SHARES[one] for one in choices])
    lasts = dice.uniform(*LASTS[kind]) if kind in LASTS else 0.0
    return Strike(at=at, kind=kind, target=dice.choice(choices[kind]), lasts=lasts)


def _targets_of(kind: Kind, targets: Targets) -> tuple[str, ...]:
    match kind:
        case Kind.KILL | Kind.FREEZE:
            return targets.services
        case Kind.KILL_NODE | Kind.FREEZE_NODE:
            return targets.nodes
        case Kind.KILL_LEADER:
            return ("leader",) if len(targets.nodes) > 1 else ()
        case Kind.KILL_KUBERNETES:
            return ("kube",) if targets.kubernetes else ()
        case Kind.FREEZE_AAP:
            return ("aap",)
        case Kind.AAP_FAULT:
            return targets.aap_faults
        case Kind.EDA_FAULT:
            return targets.eda_faults


def _party(strike: Strike) -> str:
    """Who of it one at a time may be away."""
    if strike.kind in (Kind.KILL_NODE, Kind.KILL_LEADER, Kind.FREEZE_NODE):
        return "nats"
    return strike.target
