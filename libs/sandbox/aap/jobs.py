"""All jobs, indexed so that a list filter need not look at every one.

An index only narrows down: whoever asks still applies the whole filter to what it gets.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from sandbox.aap.filters import Clause, Filter
from sandbox.aap.model import ACTIVE, Job

K = TypeVar("K", int, datetime)

_NEVER = datetime.max.replace(tzinfo=UTC)


def _id(job: Job) -> int:
    return job.id


def _created(job: Job) -> datetime:
    return job.created


def _finished(job: Job) -> datetime:
    return job.finished or _NEVER


class Jobs:
    """Jobs of both kinds, by id; ids and creation times grow together."""

    def __init__(self) -> None:
        self._of_id: dict[int, Job] = {}
        self._in_order: list[Job] = []
        self._as_finished: list[Job] = []
        self._active: dict[int, Job] = {}

    def __iter__(self) -> Iterator[Job]:
        return iter(self._in_order)

    def __len__(self) -> int:
        return len(self._in_order)

    def get(self, id: int) -> Job | None:
        return self._of_id.get(id)

    def active(self) -> list[Job]:
        """Those that have not ended, by id."""
        return sorted(self._active.values(), key=_id)

    def add(self, job: Job) -> None:
        """From now on *job* can be seen."""
        self._of_id[job.id] = job
        self._active[job.id] = job
        insort(self._in_order, job, key=_id)

    def moved(self, job: Job, *, first_end: bool = False) -> None:
        """*job* has another status; *first_end*: it has just got its ``finished``."""
        if job.active:
            self._active[job.id] = job
        else:
            self._active.pop(job.id, None)
        if first_end:
            insort(self._as_finished, job, key=_finished)

    def remove(self, job: Job) -> None:
        """Nobody will see *job* again."""
        del self._of_id[job.id]
        self._active.pop(job.id, None)
        self._in_order.remove(job)
        if job.finished is not None:
            self._as_finished.remove(job)

    def candidates(self, filter: Filter) -> Sequence[Job]:
        """A small set that holds every job which *filter* lets through."""
        found = [some for clause in filter.all if (some := self._narrow(clause)) is not None]
        if filter.any and (some := self._narrow_any(filter.any)) is not None:
            found.append(some)
        return min(found, key=len, default=self._in_order)

    def _narrow_any(self, clauses: Iterable[Clause]) -> Sequence[Job] | None:
        union: dict[int, Job] = {}
        for clause in clauses:
            some = self._narrow(clause)
            if some is None:
                return None
            union.update((job.id, job) for job in some)
        return list(union.values())

    def _narrow(self, clause: Clause) -> Sequence[Job] | None:
        if clause.negated or clause.value is None:
            return None
        match clause.field, clause.lookup, clause.value:
            case "id", "in", ids:
                return [job for id in dict.fromkeys(ids) if (job := self._of_id.get(id)) is not None]
            case "id", "exact", id:
                return [job] if (job := self._of_id.get(id)) is not None else []
            case "id", "gt" | "gte", id:
                return self._since(self._in_order, id, _id)
            case "created", "gt" | "gte", moment:
                return self._since(self._in_order, moment, _created)
            case "finished", "gt" | "gte", moment:
                return self._since(self._as_finished, moment, _finished)
            case "status", "in", statuses if set(statuses) <= ACTIVE:
                return list(self._active.values())
            case "status", "exact", status if status in ACTIVE:
                return list(self._active.values())
        return None

    @staticmethod
    def _since(jobs: list[Job], start: K, key: Callable[[Job], K]) -> Sequence[Job]:
        return jobs[bisect_left(jobs, start, key=key) :]
