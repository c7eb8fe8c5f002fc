"""The JSON paths that definitions use for printer columns and selectable fields, read once.

.status.phase    .spec.disks[0].name    .status.conditions[?(@.type=="Ready")].status
"""

import re
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from sandbox.kube.objects import Json

Step: TypeAlias = Callable[[Json], Json]
"""From a value to what is below it, or None."""

_STEPS = re.compile(
    r"""\.?(?P<field>[^.\[\]]+)
    | \[\?\(@\.(?P<key>\w+)\s*==\s*["'](?P<value>.*?)["']\)\]
    | \[(?P<index>\d+|-1:)\]""",
    re.VERBOSE,
)


def look_up(path: str, value: Json) -> Json:
    """What stands at *path* in *value*; None if nothing does."""
    for step in _steps(path):
        value = step(value)
    return value


@cache
def _steps(path: str) -> tuple[Step, ...]:
    return tuple(_step(match) for match in _STEPS.finditer(path))


def _step(match: re.Match[str]) -> Step:
    if field := match["field"]:
        return lambda value: value.get(field) if isinstance(value, dict) else None
    if key := match["key"]:
        wanted = match["value"]
        return lambda value: next((item for item in _objects(value) if item.get(key) == wanted), None)
    index = -1 if match["index"] == "-1:" else int(match["index"])
    return lambda value: _item(value, index)


def _objects(value: Json) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _item(value: Json, index: int) -> Json:
    if not isinstance(value, list) or not -len(value) <= index < len(value):
        return None
    return value[index]
