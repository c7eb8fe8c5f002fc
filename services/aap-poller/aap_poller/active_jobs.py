"""How many jobs run, by type and state, as a gauge.

Nobody has them all: the jobs that run are shared out to the replicas, poll by poll. So each counts those
that it polled itself, for as long as they are its own, that is until they are due again; the sum over the
replicas is all of them. After a restart it takes one poll interval until that is true again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aap_poller import metrics
from aap_poller.rows import Row
from cloudkit.contracts.events import JobEvent
from cloudkit.runtime.answers import Answer, Later, Received
from cloudkit.runtime.ports import Clock

LATE_BY = 5.0
"""Seconds by which a poll may come late, and its job still counts."""

_Key = tuple[str, int]
_Group = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Active:
    group: _Group
    until: float


class ActiveJobs:
    """The jobs that this process polls."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[_Key, _Active] = {}
        self._shown: set[_Group] = set()
        self._cleared_at = clock.monotonic()

    def polled(
        self,
        messages: Sequence[Received[JobEvent]],
        answers: Sequence[Answer],
        rows: Mapping[str, Row],
    ) -> None:
        """A poll of *messages* ended in *answers*, and found *rows* in AAP (by id)."""
        now = self._clock.monotonic()
        for message, answer in zip(messages, answers, strict=True):
            job = message.body.job
            key = (message.body.instance.uid, job.number)
            if isinstance(answer, Later):
                row = rows.get(job.job_id)
                state = job.state if row is None else row.state
                self._jobs[key] = _Active((job.type, state.lower()), now + answer.delay + LATE_BY)
            else:
                self._jobs.pop(key, None)
        self._clear(now)
        self._show()

    def _clear(self, now: float) -> None:
        """Forget those that another replica polls by now."""
        if now - self._cleared_at >= LATE_BY:
            self._cleared_at = now
            self._jobs = {key: job for key, job in self._jobs.items() if job.until >= now}

    def _show(self) -> None:
        counts = Counter(job.group for job in self._jobs.values())
        self._shown |= set(counts)
        for group in self._shown:
            metrics.ACTIVE_JOBS.labels(*group).set(counts[group])
