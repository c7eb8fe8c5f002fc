"""One of several replicas does the work, by a Lease; the others stand by.

::

                 the Lease is free
    standing by ──────────────────► active ─┬─ told to stop: gives it up at once
         ▲                                  ├─ not renewed by the deadline ─┐
         │                                  └─ another one holds it ────────┤
         └──────────────────────────────────────────────────────────────────┘

Who lacks something that the work needs, as `Health` says, neither takes the Lease nor renews it.

Work that is under way when its turn is over may go on for the rest of the Lease's duration, and is then
canceled. Told to stop, the holder does not wait for it before it gives the Lease up: the next one begins at
once, so for that moment two are at work. Whoever works under a Lease has to bear that anyway, because a
process may be paused at any point and not know it.
"""

import asyncio
import platform
from collections.abc import Callable, Coroutine
from contextlib import suppress
from math import inf
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

import structlog

from cloudkit.contracts.errors import (
    Conflict,
    Malformed,
    NotFound,
    ProvisionerError,
    Refused,
    Unanswered,
    Unreachable,
)
from cloudkit.runtime.connection import REMIND_EVERY
from cloudkit.runtime.health import Health
from cloudkit.runtime.lease import Lease, LeaseEntry, LeaseTimes, Sighting, given_up, held_by, sighted
from cloudkit.runtime.ports import Clock
from cloudkit.runtime.together import first_of, within

log = structlog.get_logger()

T = TypeVar("T")

Work: TypeAlias = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Works until the event is set: then its turn is over."""

PART = "lease"
NO_NEED_OF_WORK = (PART, "service")
"""Parts of our health that do not say whether we could work."""
TROUBLES = (Unreachable, Unanswered, Refused, Malformed)


def new_identity() -> str:
    """What this process calls itself in a Lease. A name that was used before would look alive."""
    return f"{platform.node()}_{uuid4().hex[:12]}"


class Leader:
    """Wants *lease* for *me*, which no other process may be called."""

    def __init__(self, lease: Lease, *, me: str, times: LeaseTimes, clock: Clock, health: Health) -> None:
        self._lease = lease
        self._me = me
        self._times = times
        self._clock = clock
        self._health = health
        self._held_until = -inf
        """Until when (monotonic time) it is ours."""
        self._mine: LeaseEntry | None = None
        """As we last wrote it."""
        self._read: Sighting | None = None
        """As we last read it."""
        self._holder = ""
        """Whom we have told of as its holder."""
        self._trouble = ""
        """Why the last request failed, if it did."""
        self._answered_at = self._reminded_at = -inf
        health.down(PART, "not asked for yet")

    @property
    def leads(self) -> bool:
        """Whether it is our turn."""
        return self._clock.monotonic() < self._held_until

    async def run(self, work: Work, *, stopping: asyncio.Event) -> None:
        """Do *work* whenever the Lease is ours, until *stopping* is set. Raises what *work* raises."""
        while not stopping.is_set():
            await self._attempt()
            if self.leads:
                await self._turn(work, stopping)
            else:
                await first_of(self._clock.sleep(self._until_next_look()), stopping.wait())

    def _until_next_look(self) -> float:
        left = self._read.free_at - self._clock.monotonic() if self._read else 0
        return left if 0 < left < self._times.look else self._times.look

    async def _turn(self, work: Work, stopping: asyncio.Event) -> None:
        """Do *work* until the Lease is lost, or we are told to stop, or the work has ended."""
        over = asyncio.Event()
        working = asyncio.create_task(work(over))
        try:
            await first_of(self._renew(), self._pass_the_deadline(), stopping.wait(), asyncio.wait({working}))
        finally:
            over.set()
            try:
                await self._leave()
            finally:
                await self._finish(working)

    async def _renew(self) -> None:
        """Renew until the Lease is lost."""
        pause = self._times.retry
        while self.leads:
            await self._clock.sleep(pause)
            pause = self._times.retry if await self._attempt() else self._times.look

    async def _pass_the_deadline(self) -> None:
        """Return when the Lease is lost, also while a request hangs."""
        while self.leads:
            await self._clock.sleep(self._held_until - self._clock.monotonic())

    async def _leave(self) -> None:
        """Give the Lease up, if it still is ours."""
        held, self._held_until = self.leads, -inf
        if not held:
            return self._tell_of_loss()
        self._health.down(PART, "given up")
        try:
            await self._asked(self._give_up())
        except TROUBLES as error:
            log.warning("the lease was not given up, others wait until it ends", because=error.message)

    async def _give_up(self) -> None:
        """Read it first: the answer to our last write may be lost."""
        entry = await self._lease.read()
        if entry is not None and entry.spec.holder == self._me:
            await self._lease.change(entry, given_up(entry.spec, self._clock.now()))
            log.info("the lease is given up")

    async def _finish(self, working: asyncio.Task[None]) -> None:
        try:
            await within(self._times.grace, working, clock=self._clock)
        except TimeoutError:
            log.warning("work under way was canceled, because its turn is over")

    async def _attempt(self) -> bool:
        """Take the Lease, or renew it, if we may; say whether we did."""
        asked_at = self._clock.monotonic()
        try:
            self._must_be_able_to_work()
            entry = await self._asked(self._take_or_renew())
        except Conflict:  # somebody wrote at the same moment: the next look tells who
            return False
        except TROUBLES as error:
            self._tell_of_trouble(error)
            return False
        self._answered_at, self._trouble = asked_at, ""
        if entry.spec.holder != self._me:
            self._stand_by(entry.spec.holder)
            return False
        self._mine, self._held_until = entry, asked_at + self._times.renew_deadline
        self._be_active()
        return True

    def _must_be_able_to_work(self) -> None:
        """Whoever lacks something leaves the Lease to others, who may have it. Raises `Unreachable`."""
        for part, why in self._health.troubles().items():
            if part not in NO_NEED_OF_WORK:
                raise Unreachable(f"{part} is missing: {why}")

    async def _take_or_renew(self) -> LeaseEntry:
        """The Lease as it is now, written by us if we may."""
        if self._mine is not None and self.leads:
            with suppress(Conflict, NotFound):
                return await self._write(self._mine)
        entry = await self._lease.read()
        if entry is None:
            return await self._lease.create(held_by(self._me, self._times, None, self._clock.now()))
        now = self._clock.monotonic()
        self._read = sighted(entry.spec, self._read, now)
        may = entry.spec.holder == self._me or self._read.free_at <= now
        return await self._write(entry) if may else entry

    async def _write(self, known: LeaseEntry) -> LeaseEntry:
        spec = held_by(self._me, self._times, known.spec, self._clock.now())
        return await self._lease.change(known, spec)

    async def _asked(self, question: Coroutine[Any, Any, T]) -> T:
        """The answer, if it comes early enough for a second attempt before the deadline."""
        patience = self._times.renew_deadline / 2
        try:
            return await within(patience, question, clock=self._clock)
        except TimeoutError:
            raise Unanswered(f"no answer about the lease in {patience:g} s") from None

    def _be_active(self) -> None:
        if self._holder != self._me:
            log.info("active: the lease is ours", identity=self._me)
        self._holder = self._me
        self._health.up(PART, "active")

    def _stand_by(self, holder: str) -> None:
        if self.leads:
            log.warning("the lease was taken from us", holder=holder)
        elif self._holder != holder:
            log.info("standing by", holder=holder)
        self._holder, self._held_until = holder, -inf
        self._health.up(PART, f"standby: {holder} is active")

    def _tell_of_loss(self) -> None:
        """Unless another one has it: then that was told."""
        if self._holder == self._me:
            self._holder, because = "", self._trouble or "this process stood still"
            self._health.down(PART, because)
            log.warning("the lease was not renewed in time", because=because)

    def _tell_of_trouble(self, error: ProvisionerError) -> None:
        now, self._trouble = self._clock.monotonic(), error.message
        if now - self._answered_at >= self._times.renew_deadline:
            self._health.down(PART, error.message)
        if now - self._reminded_at >= REMIND_EVERY:
            self._reminded_at = now
            log.warning("the lease cannot be had", because=error.message)
