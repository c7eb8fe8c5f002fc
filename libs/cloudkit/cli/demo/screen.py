"""The instances on the screen: a table that lives on a terminal, or else a line per change."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cloudkit.cli.demo.stories import Story
from cloudkit.cli.demo.world import Seen, jobs_of
from cloudkit.contracts.instance import ComputeInstance

GONE = "gone"
STYLES = {"Ready": "green", "Failed": "red", "Deleting": "yellow", "Progressing": "cyan", GONE: "dim"}


@dataclass(frozen=True)
class Row:
    """How one instance stands. ``jobs`` are its jobs, ``message`` is what the newest says."""

    phase: str = ""
    jobs: tuple[str, ...] = ()
    message: str = ""


class Screen:
    """Shows the instances of *stories* as they change."""

    def __init__(self, console: Console, stories: tuple[Story, ...]) -> None:
        self._console = console
        self._stories = stories
        self._rows = {story.name: Row() for story in stories}
        self._began = time.monotonic()
        self._live: Live | None = None

    @contextmanager
    def on(self) -> Iterator[None]:
        """Show until the block ends; the last state stays on the terminal."""
        if not self._console.is_terminal:
            yield
            return
        with Live(self._table(), console=self._console, refresh_per_second=8) as self._live:
            yield

    def show(self, seen: Seen) -> None:
        """Show how the instances stand now."""
        for name, before in self._rows.items():
            now = _row(seen.get(name), before)
            self._rows[name] = now
            if now != before and not self._console.is_terminal:
                self._console.print(self._line(name, now), soft_wrap=True)
        if self._live is not None:
            self._live.update(self._table())

    def _line(self, name: str, row: Row) -> Text:
        elapsed = time.monotonic() - self._began
        return Text(f"{elapsed:5.1f} s  {name:<14} {row.phase:<12} {', '.join(row.jobs)}")

    def _table(self) -> Table:
        table = Table(title_justify="left", expand=True)
        for column, ratio in (("instance", 3), ("phase", 2), ("jobs", 4), ("what the newest job says", 5)):
            table.add_column(column, ratio=ratio)
        for story in self._stories:
            row = self._rows[story.name]
            what = Text.assemble((story.name, "bold"), (f"\n{story.about}", "dim"))
            phase = Text(row.phase, STYLES.get(row.phase, ""))
            table.add_row(what, phase, Text("\n".join(row.jobs)), Text(row.message), end_section=True)
        return table


def _row(instance: ComputeInstance | None, before: Row) -> Row:
    """The row of *instance*; once it is gone, its jobs stay, without the state last seen."""
    if instance is None:
        return before if before.phase in ("", GONE) else Row(GONE, tuple(map(_without_state, before.jobs)))
    jobs = instance.status.jobs
    return Row(
        str(instance.status.phase or "new"), tuple(jobs_of(instance)), jobs[-1].message if jobs else ""
    )


def _without_state(job: str) -> str:
    return job.rpartition(" ")[0]
