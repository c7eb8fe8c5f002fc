"""Lists of jobs, which no single job can break.

::

    ask, without those that break lists ─┬─► rows ─┬─► in one answer, by id
                ▲                        │         │
                └──── one more is known ─┤      each of those that fit, from its own page
                                         └─► it is AAP that fails
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aap_poller.examination import Examinations, own_page
from aap_poller.exchange import Exchange
from aap_poller.http_errors import Broken
from aap_poller.questions import LAST_ID, Question
from aap_poller.reading import Reader
from aap_poller.rows import Row
from aap_poller.unlistable import Suspect, Unlistable
from cloudkit.contracts.errors import Malformed, NotFound
from cloudkit.contracts.jobs import JobKind
from cloudkit.runtime.ports import Clock

LOOK_AGAIN_AFTER = 5.0
"""Seconds in which a list that comes every second asks once for a job that is not on it: a page of its own
costs AAP more than a row of a list."""


@dataclass(frozen=True)
class Listed:
    """A page: its ``rows``, how many more of it nobody can read, and how many AAP has filled it with."""

    rows: Sequence[Row]
    lacks: int
    size: int
    last: int
    """The id of the last row that AAP listed; 0 if there is none."""


class Lists:
    """AAP's lists of jobs."""

    def __init__(self, exchange: Exchange, reader: Reader, clock: Clock) -> None:
        self._exchange = exchange
        self._reader = reader
        self._clock = clock
        self._unlistable = Unlistable(clock)
        self._examinations = {
            kind: Examinations(exchange, reader, self._unlistable, clock) for kind in JobKind
        }

    async def page(
        self, question: Question, size: int, fits: Callable[[Row], bool], *, often: bool = False
    ) -> Listed:
        """The page of *size* rows at most with which AAP answers *question*; by id, with those jobs between
        that break lists, as far as one of them *fits*. Of what is asked *often* such a job may be missing at
        times.

        Raises what `Exchange.send` raises; a row that cannot be read is no error.
        """
        await self._try_again(question.kind)
        while True:
            # A row that is forgotten meanwhile must not be missing from both the list and what stands beside.
            known = self._unlistable.of(question.kind)
            try:
                response = await self._exchange.ask(question.path, question.without(known).query)
            except Broken as problem:
                if not await self._examinations[question.kind].explain(question, known):
                    self._exchange.blame(problem)
                    raise
                continue
            page = self._reader.page(response.content, question.kind)
            last = page.rows[-1].id if page.rows else 0
            up_to = last if page.size >= size else LAST_ID
            beside = {id: known[id] for id in sorted(known) if id <= up_to and question.may_have(id)}
            rows, lost = await self._beside(question.kind, beside, often=often)
            fitting = [row for row in rows if fits(row)]
            together = sorted([*page.rows, *fitting], key=lambda row: row.id) if fitting else page.rows
            return Listed(together, page.lacks + lost, page.size, last)

    async def _beside(
        self, kind: JobKind, suspects: Mapping[int, Suspect], *, often: bool
    ) -> tuple[list[Row], int]:
        """What the own pages of *suspects* say, and how many of these cannot be read."""
        rows, lost = [], 0
        for id, suspect in suspects.items():
            if often and not self._is_worth_a_look(suspect):
                if suspect.row is not None and not suspect.row.active:
                    rows.append(suspect.row)
                continue
            if often:
                suspect.looked_at = self._clock.monotonic()
            try:
                suspect.row = await own_page(self._exchange, self._reader, kind, id)
            except NotFound:
                self._unlistable.forget(kind, id)
            except (Broken, Malformed):
                lost += 1
            else:
                rows.append(suspect.row)
        return rows, lost

    def _is_worth_a_look(self, suspect: Suspect) -> bool:
        """What has ended goes no further."""
        if suspect.row is not None and not suspect.row.active:
            return False
        return self._clock.monotonic() - suspect.looked_at >= LOOK_AGAIN_AFTER

    async def _try_again(self, kind: JobKind) -> None:
        """See whether AAP can list again what it could not."""
        for id in self._unlistable.due(kind):
            alone = Question(kind, {"id__in": id, "page_size": 1, "count_disabled": 1})
            try:
                await self._exchange.ask(alone.path, alone.query)
            except Broken:
                continue
            self._unlistable.forget(kind, id)
