"""Tells people of instances as Kubernetes Events, beside the work and never in its way.

::

    tell ─► waiting ─┬─► told, by four at once
                     ├─► failed: said in the log, and not tried again
                     └─► dropped: the oldest when too many wait, and what is left at the end

The resource says all that matters; an event that nobody could write is only missed.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import msgspec
import structlog

from cloudkit.contracts.errors import ProvisionerError
from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.notices import Notice
from cloudkit.runtime.ending import end
from cloudkit.runtime.ports import Noticeboard
from status_writer.metrics import KUBERNETES_EVENTS

log = structlog.get_logger()

AT_ONCE = 4
"""Far fewer than instances are written at once, so that a storm of events takes little from the writes."""
MOST = 10_000
FLUSH = 2.0
"""Seconds for what waits at the end."""

TOLD, DROPPED = "told", "dropped"


class Announcer:
    """Tells *board*, *at_once* notices at a time; *most* may wait. Works while `working` lasts."""

    def __init__(
        self, board: Noticeboard, *, at_once: int = AT_ONCE, most: int = MOST, flush: float = FLUSH
    ) -> None:
        self._board = board
        self._at_once = at_once
        self._flush = flush
        self._waiting: asyncio.Queue[tuple[ComputeInstance, Notice]] = asyncio.Queue(most)
        self._trouble = ""
        """The kind of error that the log speaks of, until something is told again."""

    def tell(self, instance: ComputeInstance, notices: Iterable[Notice]) -> None:
        """Have *notices* about *instance* told soon, in this order. Never waits, never raises."""
        named = _named(instance)
        for notice in notices:
            if self._waiting.full():
                self._drop()
            self._waiting.put_nowait((named, notice))

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Work as long as the block lasts, and a moment longer if something waits at its end."""
        tasks = [asyncio.create_task(self._work_off()) for _ in range(self._at_once)]
        try:
            yield
            with suppress(TimeoutError):
                async with asyncio.timeout(self._flush):
                    await self._waiting.join()
        finally:
            await end(*tasks)
            while not self._waiting.empty():
                self._drop()

    async def _work_off(self) -> None:
        while True:
            instance, notice = await self._waiting.get()
            outcome = DROPPED  # if this ends now; it may have been written
            try:
                outcome = await self._outcome(instance, notice)
            finally:
                self._count(outcome)

    async def _outcome(self, instance: ComputeInstance, notice: Notice) -> str:
        """Tell, and say how that went."""
        try:
            await self._board.tell(instance, notice)
        except Exception as error:  # noqa: BLE001  # also a bug is told, and must not end the telling
            self._report(instance, notice, error)
            return type(error).__name__
        self._trouble = ""
        return TOLD

    def _report(self, instance: ComputeInstance, notice: Notice, error: Exception) -> None:
        """Once for many of a kind: an outage fails thousands."""
        kind = type(error).__name__
        if kind == self._trouble:
            return
        self._trouble = kind
        ref, reason = instance.ref, notice.reason
        if isinstance(error, ProvisionerError):
            log.warning(
                "events cannot be written", instance=str(ref), uid=ref.uid, reason=reason, error=str(error)
            )
        else:
            log.error(
                "writing an event crashed", instance=str(ref), uid=ref.uid, reason=reason, exc_info=error
            )

    def _drop(self) -> None:
        self._waiting.get_nowait()
        self._count(DROPPED)

    def _count(self, outcome: str) -> None:
        KUBERNETES_EVENTS.labels(outcome).inc()
        self._waiting.task_done()


def _named(instance: ComputeInstance) -> ComputeInstance:
    """What an event says of *instance*, without the rest: thousands may wait."""
    return ComputeInstance(metadata=msgspec.structs.replace(instance.metadata, annotations={}))
