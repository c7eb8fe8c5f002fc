"""The jobs that break the lists of AAP that they are on, as far as they are known.

One of them makes AAP answer 500 or 502 in place of the page that has it (awx#12644), while its own page is
fine. So lists leave it out, and it is asked for by itself. It is remembered until AAP can list it again,
which is tried now and then: somebody may delete it there, or mend AAP. Nothing of it outlives the process:
a new one finds out again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from aap_poller import metrics
from aap_poller.rows import Row
from cloudkit.contracts.jobs import JobKind
from cloudkit.runtime.ports import Clock

log = structlog.get_logger(__name__)

MOST = 20
"""Of each kind. If there are more, something else is wrong: that is an outage."""
TRY_AGAIN_AFTER = 600.0
"""Seconds until AAP is asked whether it can list a job again: each failure costs it a worker."""
WHAT_TO_DO = "delete this job in AAP once it has ended; until then it is asked for by itself"


@dataclass
class Suspect:
    """A job that lists leave out: when to try to list it again, what its own page said last, and when that
    was looked at for a list that is asked for often."""

    try_again_at: float
    row: Row | None = None
    looked_at: float = float("-inf")


class Unlistable:
    """The jobs that AAP cannot list, by kind and id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[JobKind, dict[int, Suspect]] = {kind: {} for kind in JobKind}
        metrics.UNLISTABLE_JOBS.set(0)

    def of(self, kind: JobKind) -> Mapping[int, Suspect]:
        """Those of *kind* that are known now."""
        return dict(self._known[kind])

    def full(self, kind: JobKind) -> bool:
        return len(self._known[kind]) >= MOST

    def add(self, kind: JobKind, id: int, row: Row | None) -> None:
        """*id* is such a job; *row* is what its own page said, if that can be read."""
        self._known[kind][id] = Suspect(self._clock.monotonic() + TRY_AGAIN_AFTER, row)
        self._count()
        log.warning("a job breaks the lists of AAP", job_id=str(id), kind=kind, what_to_do=WHAT_TO_DO)

    def due(self, kind: JobKind) -> list[int]:
        """Those to try again now; whoever asks next gets them later."""
        now = self._clock.monotonic()
        found = [id for id, suspect in self._known[kind].items() if suspect.try_again_at <= now]
        for id in found:
            self._known[kind][id].try_again_at = now + TRY_AGAIN_AFTER
        return found

    def forget(self, kind: JobKind, id: int) -> None:
        """AAP can list *id* again, or has it no longer."""
        if self._known[kind].pop(id, None) is not None:
            self._count()
            log.info("a job no longer breaks the lists of AAP", job_id=str(id), kind=kind)

    def _count(self) -> None:
        metrics.UNLISTABLE_JOBS.set(sum(len(known) for known in self._known.values()))
