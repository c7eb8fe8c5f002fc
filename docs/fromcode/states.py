"""The states in which people may find an instance, and how one phase becomes another."""

from collections.abc import Callable, Iterator, Sequence

from cloudkit.lifecycle.finding import (
    APPLIED,
    AVAILABLE,
    DEPROVISIONED,
    PROGRESSING,
    PROVISIONED,
    READY,
    STALLED,
)
from fromcode.pages import Row
from unit.lifecycle.states import CREATED, GONE, STATES, TRANSITIONS

MARKS = {"True": "✔", "False": "✘", "Unknown": "?"}
ALWAYS = (READY, AVAILABLE, PROVISIONED, APPLIED, PROGRESSING)
ORDER = ("Progressing", "Ready", "Failed", "Deleting")


def state_tables() -> dict[str, list[Row]]:
    """State, phase, and each condition: a mark for its status, and its reason."""
    return {
        "states": _rows(lambda name: not name.startswith(("paused", "unmanaged", "deleted")), STALLED),
        "states-held": _rows(lambda name: name.startswith(("paused", "unmanaged")), STALLED),
        "states-deleted": _rows(lambda name: name.startswith("deleted"), DEPROVISIONED, STALLED),
    }


def phase_diagram() -> str:
    """The phases, and what leads from one to another."""
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR", f"    [*] --> {_phase(CREATED)}: created"]
    lines += [f"    {before} --> {after}: {label}" for (before, after), label in _edges()]
    lines += [f"    {_phase(GONE)} --> [*]: its machine is gone", "```"]
    return "\n".join(lines) + "\n"


def _edges() -> Iterator[tuple[tuple[str, str], str]]:
    labels: dict[tuple[str, str], list[str]] = {}
    for before, label, after in TRANSITIONS:
        labels.setdefault((_phase(before), _phase(after)), []).append(label)
    for edge in sorted(labels, key=lambda edge: (ORDER.index(edge[0]), ORDER.index(edge[1]))):
        yield edge, ",<br/>or ".join(labels[edge])


def _phase(state: str) -> str:
    phase = STATES[state][0].status.phase
    return "" if phase is None else phase.value


def _rows(belongs: Callable[[str], bool], *sometimes: str) -> list[Row]:
    return [_row(name, (*ALWAYS, *sometimes)) for name in STATES if belongs(name)]


def _row(name: str, types: Sequence[str]) -> Row:
    found = {c.type: f"{MARKS[c.status]} {c.reason}" for c in STATES[name][0].status.conditions}
    return (name, _phase(name), *(found.get(type, "") for type in types))
