"""Finding jobs of ours in AAP by their key, which AAP cannot filter by: list them, and match here.

When many launches are unconfirmed at once, AAP is in trouble already: those who ask while a listing is
under way share the next one.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aap_poller.controller import Controller
from aap_poller.rows import JobKey, OurJob, ours


@dataclass(frozen=True)
class Listing:
    """What AAP had of *templates* (empty: of all) since a time. Listings are numbered as they begin."""

    ordinal: int
    since: datetime
    templates: frozenset[int]
    jobs: Mapping[JobKey, Sequence[OurJob]]

    def answers(self, since: datetime, templates: frozenset[int]) -> bool:
        """Whether it would be the same listing again, or a part of it."""
        of_these = bool(templates) and templates <= self.templates
        return self.since <= since and (of_these or not self.templates)


class Search:
    """Looks for jobs by their key. A listing is of every template that anybody has asked about: there are
    few of them, and those who ask about different ones can share it."""

    def __init__(self, aap: Controller) -> None:
        self._aap = aap
        self._templates: frozenset[int] = frozenset()
        self._begun = 0
        self._last: Listing | None = None
        self._listing = asyncio.Lock()

    async def find(self, key: JobKey, since: datetime, templates: frozenset[int]) -> Sequence[OurJob]:
        """The jobs *key*, created at *since* or later, of *templates* (empty: of all) or of one that was
        deleted, oldest first.

        Every one that AAP had when this was called is found. Raises what `Controller` raises.
        """
        begun_before = self._begun
        self._templates |= templates
        async with self._listing:
            last = self._last
            if last is None or last.ordinal <= begun_before or not last.answers(since, templates):
                last = self._last = await self._list(_rounded(since), templates and self._templates)
            return last.jobs.get(key, ())

    async def _list(self, since: datetime, templates: frozenset[int]) -> Listing:
        self._begun += 1
        ordinal, jobs = self._begun, defaultdict(list)
        async for row in self._aap.created_between(since, None, templates):
            if (job := ours(row)) is not None:
                jobs[job.key].append(job)
        by_age = {key: tuple(sorted(found, key=lambda job: job.row.id)) for key, found in jobs.items()}
        return Listing(ordinal, since, templates, by_age)


def _rounded(since: datetime) -> datetime:
    """Down to ten minutes, so that those who ask at about the same time can share."""
    return since.replace(minute=since.minute - since.minute % 10, second=0, microsecond=0)
