"""Finding the one job because of which AAP cannot answer with a list.

::

    a list fails ─► does an empty one fail too? ── yes ─► it is AAP
                    does it fail again? ────────── no ──► it was but a moment
                    half of its ids, half of that … ────► one id
                    fails that alone, and is its own page there? ─► it is that job

Whether a half fails tells about the other one: the job is the first that makes a range of ids fail. Three
failures in a row may also be an AAP that went away meanwhile, so an empty list is asked for again then.
"""

import asyncio
from collections.abc import Collection

from aap_poller.exchange import Exchange, Parameters
from aap_poller.http_errors import Broken
from aap_poller.questions import PATHS, Question
from aap_poller.reading import Reader
from aap_poller.rows import Row
from aap_poller.unlistable import Unlistable
from cloudkit.contracts.errors import Malformed, NotFound
from cloudkit.contracts.jobs import JobKind
from cloudkit.runtime.ports import Clock

IN_A_ROW = 3
SHORTEST_PAUSE, LONGEST_PAUSE = 5.0, 60.0
"""In seconds, after an examination that found nothing: AAP is left alone."""


class Examinations:
    """Examines lists of one kind that fail: one at a time, and with pauses while that finds nothing."""

    def __init__(self, exchange: Exchange, reader: Reader, unlistable: Unlistable, clock: Clock) -> None:
        self._exchange = exchange
        self._reader = reader
        self._unlistable = unlistable
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._pause = 0.0
        self._not_before = clock.monotonic()

    async def explain(self, question: Question, known: Collection[int]) -> bool:
        """Whether it is known by now why *question* failed, which left out what was *known*: then it may be
        asked again. Raises what `Exchange.ask` raises, but `Broken`."""
        async with self._one_at_a_time:
            if self._unlistable.of(question.kind).keys() - known:
                return True  # Somebody else found it while this one waited.
            if self._clock.monotonic() < self._not_before or self._unlistable.full(question.kind):
                return False
            found = False
            try:
                found = await self._found(question.without(known))
            except Broken:
                return False
            finally:
                self._rest(0.0 if found else min(max(2 * self._pause, SHORTEST_PAUSE), LONGEST_PAUSE))
            return found

    def _rest(self, seconds: float) -> None:
        self._pause, self._not_before = seconds, self._clock.monotonic() + seconds

    async def _found(self, question: Question) -> bool:
        id = await Bisection(self._exchange, question).first()
        if id is None:
            return False
        try:
            row = await own_page(self._exchange, self._reader, question.kind, id)
        except NotFound:
            return False
        except Malformed:
            row = None
        self._unlistable.add(question.kind, id, row)
        return True


async def own_page(exchange: Exchange, reader: Reader, kind: JobKind, id: int) -> Row:
    """What the page of job *id* says. Raises `Malformed` if that cannot be read, `Broken` if that page fails
    too (then it is no matter of lists), and else what `Exchange.ask` raises."""
    response = await exchange.ask(f"{PATHS[kind]}/{id}/")
    return reader.detail(response.content, kind, str(id))


class Bisection:
    """One search for the first id that makes *question* fail. It takes two or three requests for each binary
    digit of an id, at most."""

    def __init__(self, exchange: Exchange, question: Question) -> None:
        self._exchange = exchange
        self._question = question
        self._failures = 0

    async def first(self) -> int | None:
        """The id, or None if nothing fails any more. Raises `Broken` if it is AAP that fails."""
        await self._probe()
        if await self._works(*self._question.bounds):
            return None
        works_to, fails_at = await self._enclosed()
        while fails_at - works_to > 1:
            middle = (works_to + fails_at) // 2
            if await self._works(works_to, middle):
                works_to = middle
            else:
                fails_at = middle
        return None if await self._works(works_to, fails_at) else fails_at

    async def _enclosed(self) -> tuple[int, int]:
        """Ids between which the job is: it is near where the list begins, if that is long."""
        works_to, last = self._question.bounds
        width = 1
        while works_to + width < last:
            if not await self._works(works_to, works_to + width):
                return works_to, works_to + width
            works_to, width = works_to + width, 2 * width
        return works_to, last

    async def _works(self, after: int, last: int) -> bool:
        try:
            await self._exchange.ask(self._question.path, self._question.part(after, last))
        except Broken:
            self._failures += 1
            if self._failures % IN_A_ROW == 0:
                await self._probe()
            return False
        self._failures = 0
        return True

    async def _probe(self) -> None:
        """Ask for an empty list. Raises `Broken`."""
        nothing: Parameters = {"id__in": 0, "page_size": 1, "count_disabled": 1}
        await self._exchange.ask(self._question.path, nothing)
