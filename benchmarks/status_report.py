"""The figures of `benchmarks.status` as tables for people."""

from collections.abc import Sequence

from benchmarks.report import Figures, table

WRITING = (
    "events come",
    "written by",
    "events/s",
    "writes/s",
    "events/status write",
    "writes/life",
    "reads/life",
    "conflicts",
    "event -> status: p50",
    "p99",
    "CPU ms/life",
    "peak MB",
)
SYSTEM = ("workload", "writes/life", "adopt", "status", "release", "reads/life", "conflicts")


def tables(results: dict[str, list[Figures]]) -> str:
    """All *results*."""
    parts = []
    if results["status"]:
        parts.append(table(WRITING, [_writing(figures) for figures in results["status"]]))
    if results["system"]:
        parts.append(table(SYSTEM, [_system(figures) for figures in results["system"]]))
    return "\n\n".join(parts)


def _writing(figures: Figures) -> Sequence[str]:
    delays = figures["event_to_status_seconds"]
    return (
        figures["pace"],
        figures["writer"],
        f"{figures['events_per_second']:,.0f}",
        f"{figures['writes_per_second']:,.0f}",
        f"{figures['events_per_status_write']:.2f}",
        f"{figures['writes_per_life']:.2f}",
        f"{figures['reads_per_life']:.2f}",
        f"{figures['conflicts']:,}",
        *(f"{delays[name]:.2f} s" if name in delays else "-" for name in ("p50", "p99")),
        f"{1000 * figures['cpu_seconds'] / figures['instances']:.1f}",
        f"{figures['peak_memory_mb']:.0f}",
    )


def _system(figures: Figures) -> Sequence[str]:
    return (
        figures["workload"],
        f"{figures['writes_per_life']:.2f}",
        *(f"{figures['of_these'][write]:.2f}" for write in ("adopt", "status", "release")),
        f"{figures['reads_per_life']:.2f}",
        f"{figures['conflicts']:,}",
    )
