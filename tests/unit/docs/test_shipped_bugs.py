"""The tests that the reliability page names as what keeps a bug out are there."""

import ast
import re
from pathlib import Path

import pytest

from fromcode.__main__ import DOCS
from fromcode.program import ROOT

TESTS = ROOT / "tests"
HEADING = "## Bugs that others shipped\n"
TITLES = "the bug | what keeps it out"


def rows() -> dict[str, list[str]]:
    """Each bug of the section's tables, and what keeps it out: ``file::name``."""
    page = (DOCS / "reliability.md").read_text()
    section = page.partition(HEADING)[2].partition("\n## ")[0]
    lines = [line.strip("| ") for line in section.splitlines() if line.startswith("| ")]
    cells = (line.rpartition(" | ") for line in lines if line != TITLES)
    return {bug: re.findall(r"`([^`]+)`", keepers) for bug, _, keepers in cells}


ROWS = rows()


def test_the_page_tells_of_many_bugs() -> None:
    assert len(ROWS) > 50


@pytest.mark.parametrize("bug", ROWS)
def test_what_keeps_a_bug_out_is_there(bug: str) -> None:
    keepers = ROWS[bug]
    assert keepers, "no test is named"
    for keeper in keepers:
        file, separator, name = keeper.partition("::")
        assert separator
        assert name in names_in(TESTS / file), keeper


def names_in(file: Path) -> set[str]:
    """The functions of *file*, and the sentences in it, which may name the cases of a table."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    functions = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return functions | {
        node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
