"""Write into ``docs/`` what the code says. Run by ``make docs``."""

from pathlib import Path

from fromcode.asyncapi import asyncapi_document
from fromcode.examples import every_block
from fromcode.pages import Parts, refreshed
from fromcode.program import ROOT
from fromcode.states import phase_diagram, state_tables
from fromcode.tables import every_table

DOCS = ROOT / "docs"
ASYNCAPI = DOCS / "asyncapi.yaml"


def pages() -> list[Path]:
    """Every page of the documentation."""
    return sorted(DOCS.rglob("*.md"))


def parts() -> Parts:
    """Everything that pages may draw."""
    return Parts(tables=every_table() | state_tables(), blocks=every_block() | {"phases": phase_diagram()})


def main() -> None:
    drawn = parts()
    for page in pages():
        page.write_text(refreshed(page.read_text(), drawn))
    ASYNCAPI.write_text(asyncapi_document())


if __name__ == "__main__":
    main()
