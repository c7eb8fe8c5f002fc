"""Keep a status small: etcd holds every version of it, and everybody who watches gets each.

What is too large is made smaller before anything is concluded from it, so that whoever concludes again
from what was written comes to the same status.
"""

import msgspec
from msgspec.structs import replace

from cloudkit.contracts.instance import ComputeInstanceStatus, Launch
from cloudkit.contracts.jobs import JobRecord
from cloudkit.lifecycle.finding import OURS
from cloudkit.lifecycle.history import decisive
from cloudkit.lifecycle.texts import shorten

MAX_STATUS_BYTES = 32 * 1024
"""Of our fields, as Kubernetes keeps them; those of others, also their conditions, are theirs."""
SHORTER = (1024, 256, 64, 16)
"""Bytes that messages are cut to, one step after the other, when leaving out jobs was not enough."""


def excess(status: ComputeInstanceStatus) -> int:
    """The bytes by which *status* is too large; 0 or less if it fits."""
    ours = tuple(condition for condition in status.conditions if condition.type in OURS)
    return _size(replace(status, conditions=ours)) - MAX_STATUS_BYTES


def without_the_oldest(jobs: tuple[JobRecord, ...], surplus: int) -> tuple[JobRecord, ...]:
    """*jobs* with at least *surplus* bytes less: the oldest go first, but none that decides anything, even if
    that is not enough."""
    needed = decisive(jobs)
    gone = set()
    for job in jobs:
        if surplus <= 0:
            break
        if job.number not in needed:
            gone.add(job.number)
            surplus -= _size(job) + len(",")
    return tuple(job for job in jobs if job.number not in gone)


def briefer(
    jobs: tuple[JobRecord, ...], launch: Launch | None, limit: int
) -> tuple[tuple[JobRecord, ...], Launch | None]:
    """Both with messages of at most *limit* bytes."""
    brief = tuple(replace(job, message=shorten(job.message, limit)) for job in jobs)
    return brief, launch and replace(launch, message=shorten(launch.message, limit))


def _size(part: msgspec.Struct) -> int:
    text = msgspec.json.encode(part)
    return len(text) + sum(map(text.count, (b"<", b">", b"&"))) * len("u003c")  # Go escapes these three
