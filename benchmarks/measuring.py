"""What a process costs, and how figures spread: what the benchmarks have in common."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Cost:
    """What a process has used."""

    cpu_seconds: float
    peak_memory_mb: float


def cost_of(pid: int) -> Cost:
    """What the process has used in its life so far."""
    return Cost(_cpu_seconds(pid), _peak_memory(pid))


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _peak_memory(pid: int) -> float:
    """In MB: the kernel's high-water mark."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024, 1)


def spread(values: Iterable[float], *, digits: int = 1) -> dict[str, float]:
    """The median of *values*, the value that 99 of 100 do not exceed, and the greatest; nothing of none."""
    ordered = sorted(values)
    if not ordered:
        return {}
    p99 = ordered[round(0.99 * (len(ordered) - 1))]
    named = {"p50": statistics.median(ordered), "p99": p99, "max": ordered[-1]}
    return {name: round(value, digits) for name, value in named.items()}
