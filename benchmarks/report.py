"""Figures as tables for people."""

from collections.abc import Iterable, Sequence
from typing import Any

Figures = dict[str, Any]

FOLLOWING = (
    "jobs at first",
    "followed by",
    "requests/min",
    "job's end -> known: p50",
    "p99",
    "max",
    "CPU %",
    "peak MB",
    "AAP's CPU %",
)
STORM = (
    "requests/s at most",
    "launched",
    "launches/s",
    "AAP requests",
    "claim -> launched: p50",
    "p99",
    "max",
    "CPU s",
    "peak MB",
)
NOTHING = "-"


def tables(results: dict[str, list[Figures]]) -> str:
    """All *results* of `benchmarks.following`."""
    following = [row for figures in results["following"] for row in _following(figures)]
    storms = [_storm(figures) for figures in results["storms"]]
    parts = [table(FOLLOWING, following) if following else "", table(STORM, storms) if storms else ""]
    return "\n\n".join(part for part in parts if part)


def _following(figures: Figures) -> Iterable[Sequence[str]]:
    """A row for each client."""
    for client, found in figures.items():
        cpu = found["cpu_percent"]
        yield (
            f"{found['running']:,}",
            client,
            f"{found['requests_per_minute']:,.0f}",
            *_spread(found["end_to_known_seconds"]),
            f"{cpu[client]:.1f}",
            f"{found['peak_memory_mb']:.0f}",
            f"{cpu['aap']:.1f}",
        )


def _storm(figures: Figures) -> Sequence[str]:
    return (
        str(figures["limit"] or "any number"),
        f"{figures['launched']:,} of {figures['asked_for']:,}",
        f"{figures['launches_per_second']:.1f}",
        f"{sum(figures['requests'].values()):,}",
        *_spread(figures["claim_to_launched_seconds"]),
        f"{figures['poller_cpu_seconds']:.1f}",
        f"{figures['peak_memory_mb']:.0f}",
    )


def _spread(found: dict[str, float]) -> Iterable[str]:
    return (f"{found[name]:.2f} s" if name in found else NOTHING for name in ("p50", "p99", "max"))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """*rows* under *head*, aligned."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = (head, tuple("-" * width for width in widths), *rows)
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )
