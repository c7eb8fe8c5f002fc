"""Jobs of which AAP says what the log says already: while AAP does, nobody has to read the log.

To read it for each job that is polled would be most of the work of a poll. An agreement is made when a
job was compared and nothing was new; it holds while AAP's row for that id says the same, and not for
ever: a log may have been restored to what it was before. To forget one only means to compare once more.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from aap_poller.rows import Row
from cloudkit.contracts.events import JobEvent
from cloudkit.lifecycle.observe import Observation
from cloudkit.runtime.ports import Clock

HOLDS_FOR = 600.0
"""In seconds; much longer than jobs are polled, much shorter than an operator waits."""

_Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Agreement:
    """``created`` tells a job from another that got its id after AAP was restored from a backup."""

    created: datetime
    seen: Observation
    made_at: float


class Agreements:
    """The agreements that this process has made, one per job that goes on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: dict[_Key, _Agreement] = {}
        self._cleared_at = clock.monotonic()

    def __len__(self) -> int:
        return len(self._made)

    def made(self, event: JobEvent) -> bool:
        """Whether the job of *event* was once compared, and went on."""
        return _key(event) in self._made

    def hold(self, event: JobEvent, row: Row | None) -> bool:
        """Whether *row* says of the job of *event* what the log said when the two were compared."""
        agreement = self._made.get(_key(event))
        return (
            agreement is not None
            and row is not None
            and (agreement.created, agreement.seen) == (row.created, row.observation())
            and self._clock.monotonic() - agreement.made_at < HOLDS_FOR
        )

    def make(self, event: JobEvent, row: Row) -> None:
        """The log is up to *row*, which is the job of *event*, and the job goes on."""
        self._clear()
        self._made[_key(event)] = _Agreement(row.created, row.observation(), self._clock.monotonic())

    def end(self, event: JobEvent) -> None:
        """Forget the job of *event*."""
        self._made.pop(_key(event), None)

    def _clear(self) -> None:
        """Forget jobs that others poll by now, or nobody."""
        now = self._clock.monotonic()
        if now - self._cleared_at < HOLDS_FOR:
            return
        self._cleared_at = now
        for key in [key for key, one in self._made.items() if now - one.made_at >= 2 * HOLDS_FOR]:
            del self._made[key]


def _key(event: JobEvent) -> _Key:
    return event.instance.uid, event.job.job_id
