"""How the worlds differ in what befalls them: most are ordinary, others have more of what is rare there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulation.faults import Rates

EVERY_40_S: Mapping[str, float] = {
    "kill": 30,
    "freeze": 20,
    "freeze_many": 2,
    "kill_many": 1,
    "black_out": 0.5,
    "cut_off": 10,
    "lose_log": 0.9,
    "lose_intents": 2,
    "restore_status": 3,
    "compact": 4,
    "purge": 3,
    "restore_aap": 0.4,
    "restore_everything": 0.2,
}
"""The great misfortunes, and how likely each is to be the next; one every 40 seconds on average."""
EVERY_2_MIN: Mapping[str, float] = {
    "edit": 30,
    "delete": 35,
    "retry": 8,
    "unmanaged": 4,
    "pause": 6,
    "restart": 6,
    "meddle": 3,
    "force": 4,
    "cancel": 6,
    "touch": 6,
}
"""What people do to each name, and how likely each is to be the next; one every two minutes on average,
unless the climate says otherwise."""


@dataclass(frozen=True)
class Climate:
    """What the dice of a world are like."""

    rates: Rates = field(default_factory=Rates)
    misfortunes: Mapping[str, float] = field(default_factory=lambda: EVERY_40_S)
    deeds: Mapping[str, float] = field(default_factory=lambda: EVERY_2_MIN)
    busy: float = 120.0
    """Seconds between two deeds to one name, on average."""


ORDINARY = Climate()
FORGETFUL = Climate(
    Rates(late_commits=0.15, playbooks=(3, 60, 400, 700)),
    {**EVERY_40_S, "lose_log": 8, "restore_everything": 2, "restore_status": 6},
    {**EVERY_2_MIN, "force": 15},
)
"""Logs and statuses are lost while playbooks take long, and launches arrive late."""
ABSENT = Climate(
    Rates(of_claims=0.4, of_launches=0.35, of_writes=0.1, pauses=(60, 400, 700)),
    {**dict.fromkeys(EVERY_40_S, 2.0), "freeze_many": 8, "kill_many": 24, "black_out": 8, "lose_log": 0.2},
    {**EVERY_2_MIN, "force": 12, "delete": 60},
    busy=60.0,
)
"""Whole groups of hosts are away, or stand still, while people go on deleting."""
CLIMATES = (ORDINARY, FORGETFUL, ORDINARY, ABSENT)


def climate_of(seed: int) -> Climate:
    return CLIMATES[seed % len(CLIMATES)]
