"""Pages with parts that are drawn from the code, between two comments.

::

    <!-- table: metrics -->            <!-- block: provision -->
    | metric | labels | meaning |      anything at all,
    | --- | --- | --- |                written anew as a whole
    | `x` | - | kept by `x` |          <!-- end -->
    <!-- end -->

The header of a table says how many columns there are. Those that the code does not fill belong to people,
and are kept with the row's first cell; a new row gets `MISSING` there.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MISSING = "TO BE WRITTEN"
PART = re.compile(
    r"(?P<open><!-- (?P<kind>table|block): (?P<name>[\w-]+) -->\n)(?P<body>.*?)(?P<close><!-- end -->)",
    re.DOTALL,
)
CELL_ENDS = re.compile(r"(?<!\\)\|")

Row = Sequence[str]


@dataclass(frozen=True)
class Parts:
    """What the code says: rows by the name of their table, texts by the name of their block."""

    tables: Mapping[str, Sequence[Row]]
    blocks: Mapping[str, str]


def refreshed(page: str, parts: Parts) -> str:
    """*page* with every part as the code has it now. Raises `KeyError` for a part that there is not."""

    def fresh(part: re.Match[str]) -> str:
        name = part["name"]
        if part["kind"] == "block":
            return f"{part['open']}{parts.blocks[name]}{part['close']}"
        return f"{part['open']}{_table(part['body'], parts.tables[name])}{part['close']}"

    return PART.sub(fresh, page)


def part_names(page: str) -> set[str]:
    """The names of the parts that *page* has."""
    return {part["name"] for part in PART.finditer(page)}


def table_rows(page: str, name: str) -> list[list[str]]:
    """The cells of table *name* on *page*, without its header."""
    body = next(part["body"] for part in PART.finditer(page) if part["name"] == name)
    return [_cells(line) for line in body.splitlines()[2:]]


def code(text: str) -> str:
    """*text* as code in a cell; nothing for an empty one."""
    return f"`{text}`" if text else ""


def codes(words: Iterable[str]) -> str:
    """Several of them; "none" for none."""
    return ", ".join(map(code, words)) or "none"


def _table(body: str, rows: Sequence[Row]) -> str:
    header, rule, *old = body.splitlines()
    columns = len(_cells(header))
    written = {cells[0]: cells for cells in map(_cells, old)}
    lines = [header, rule]
    for row in rows:
        drawn = [cell.replace("|", "\\|") for cell in row]
        kept = written.get(drawn[0], [])[len(drawn) : columns]
        lines.append(_line([*drawn, *(kept or [MISSING] * (columns - len(drawn)))]))
    return "\n".join(lines) + "\n"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in CELL_ENDS.split(line.strip())[1:-1]]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
