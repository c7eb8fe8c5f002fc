"""The page on the lifecycle says what the code does, in the same order and the same words."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from cloudkit.contracts.instance import (
    ABANDON_ANNOTATION,
    MANAGEMENT_ANNOTATION,
    PAUSED_ANNOTATION,
    RECONCILED_ANNOTATION,
    RETRY_ANNOTATION,
    UNMANAGED,
    Phase,
)
from cloudkit.lifecycle import (
    claims,
    conditions,
    evidence,
    finding,
    launches,
    mistakes,
    observe,
    outlook,
    work,
)
from cloudkit.lifecycle.decide import RULES

PAGE = (Path(__file__).parents[3] / "docs" / "lifecycle.md").read_text()
ROWS = re.findall(r"^\| (?:\d+ \| )?`(\w+)` \|", PAGE, re.MULTILINE)


def reasons() -> set[str]:
    """Every reason that the code gives by itself: the third word of each finding, and the constants."""
    found = {launches.LAUNCH_UNCONFIRMED, launches.DELAYED, claims.PURGED}
    found |= {observe.CANCELED, observe.CANCEL_FORBIDDEN, *evidence.TEXTS}
    for module in (conditions, work, outlook, mistakes):
        found |= {*_words_of_findings(module), *_constants(module)}
    return found - NO_REASONS


NO_REASONS = {*finding.OURS - {"Provisioned", "Deprovisioned"}, *("True", "False", "Unknown")}


def _words_of_findings(module: ModuleType) -> Iterator[str]:
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
            words = (word.value for word in ast.walk(node.args[2]) if isinstance(word, ast.Constant))
            yield from (word for word in words if isinstance(word, str))


def _constants(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if name.isupper() and isinstance(value, str) and re.fullmatch("([A-Z][a-z]+)+", value):
            yield value


def test_the_rules_stand_on_the_page_in_their_order() -> None:
    rules = [rule.__name__ for rule in RULES]
    assert [row for row in ROWS if row in rules] == rules


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_stands_on_the_page(phase: Phase) -> None:
    assert phase.value in ROWS


def test_the_conditions_and_reasons_of_the_code_and_of_the_page_are_the_same() -> None:
    rules = {rule.__name__ for rule in RULES}
    assert set(ROWS) == rules | {phase.value for phase in Phase} | set(finding.OURS) | reasons()


def test_the_reasons_of_the_code_are_found() -> None:
    assert {"AttemptsUsedUp", "JobFailed", "LaunchUnconfirmed", "Unmanaged"} <= reasons()


@pytest.mark.parametrize(
    "annotation",
    [
        RETRY_ANNOTATION,
        ABANDON_ANNOTATION,
        PAUSED_ANNOTATION,
        RECONCILED_ANNOTATION,
        f"{MANAGEMENT_ANNOTATION}: {UNMANAGED}",
    ],
)
def test_the_annotations_stand_on_the_page(annotation: str) -> None:
    assert annotation in PAGE
