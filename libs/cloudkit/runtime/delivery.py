"""Delivery: durable consumers, from the stream to a handler and back. `deliver` runs one of them.

::

    Subscription        each message by itself, up to ``in_flight`` at once
    BatchSubscription   up to ``size`` due messages together, one batch each ``every`` seconds, or at
                        once after a full one

It never gives up: when NATS is away it waits, when stream or consumer were lost it makes them again.
When told to stop it asks for nothing more, lets handlers finish, and hands back the rest, so that
another replica gets it at once. What an answer or an error leads to: `cloudkit.runtime.handling`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog
from nats.aio.msg import Msg

from cloudkit.contracts.errors import Unanswered, Unreachable
from cloudkit.runtime.answers import Answer, Received
from cloudkit.runtime.bus import Bus
from cloudkit.runtime.connection import REMIND_EVERY
from cloudkit.runtime.ending import end
from cloudkit.runtime.handling import Handling
from cloudkit.runtime.jetstream import StreamGone
from cloudkit.runtime.pull import HEARTBEAT, Consumer, Pull, pulling

T = TypeVar("T")

log = structlog.get_logger(__name__)

FINISH_WITHIN = 8.0
"""Seconds that handlers get when told to stop; a service gives its loops 10."""
TRY_AGAIN_AFTER = 0.5


@dataclass(frozen=True, kw_only=True)
class Subscription(Generic[T]):
    """Which messages go to *handler*, one at a time each, *in_flight* of them at once.

    *ack_wait* is how long (seconds) after the death of this process another gets its messages; a handler
    may take longer, the server is told that it still works.
    """

    stream: str
    subjects: Sequence[str]
    durable: str
    read: Callable[[bytes], T]
    handler: Callable[[Received[T]], Awaitable[Answer]]
    in_flight: int = 64
    ack_wait: float = 10.0

    async def answers(self, received: Sequence[Received[T]]) -> Sequence[Answer]:
        return [await self.handler(each) for each in received]


@dataclass(frozen=True, kw_only=True)
class BatchSubscription(Generic[T]):
    """Which messages go to *handler* together: at most *size* that are due, every *every* seconds, and
    at once after a full batch, which left others behind.

    The handler answers for each of them, in their order.
    """

    stream: str
    subjects: Sequence[str]
    durable: str
    read: Callable[[bytes], T]
    handler: Callable[[Sequence[Received[T]]], Awaitable[Sequence[Answer]]]
    size: int = 100
    every: float = 1.0
    ack_wait: float = 10.0


async def deliver(
    bus: Bus, subscription: Subscription[T] | BatchSubscription[T], *, stopping: asyncio.Event
) -> None:
    """Deliver until *stopping* is set. Raises `Misconfigured` when a person must help."""
    delivery: _Delivery[T]
    if isinstance(subscription, BatchSubscription):
        delivery = _BatchDelivery(bus, subscription, stopping)
    else:
        delivery = _EachDelivery(bus, subscription, stopping)
    await delivery.run()


class _Delivery(Generic[T]):
    """What both ways share: sessions that begin again, the heartbeat, and an orderly end."""

    def __init__(self, bus: Bus, consumer: Consumer, handling: Handling[T], stopping: asyncio.Event) -> None:
        self._bus = bus
        self._consumer = consumer
        self._handling = handling
        self._stopping = stopping
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        watches = [
            asyncio.create_task(self._wake_when_stopping()),
            asyncio.create_task(self._keep_alive()),
        ]
        reminded = -REMIND_EVERY
        try:
            while not self._stopping.is_set():
                try:
                    await self._session_until_lost()
                except (Unreachable, Unanswered) as error:
                    now = asyncio.get_running_loop().time()
                    if now - reminded >= REMIND_EVERY:
                        reminded = now
                        log.warning(
                            "delivery waits", subscription=self._consumer.durable, because=error.message
                        )
                    await self._sleep(TRY_AGAIN_AFTER)
            await self._finish()
        finally:
            await end(*watches, *self._tasks)

    async def _session_until_lost(self) -> None:
        """One line to the consumer. Always ends with an error, unless told to stop."""
        try:
            async with pulling(self._bus.jetstream, self._consumer, self._arrived, self._wake) as pull:
                await self._session(pull)
            if pull.lost is not None:
                raise pull.lost
        except StreamGone:
            log.warning("the stream is gone, making it again", stream=self._consumer.stream)
            await self._bus.ensure_streams()
            raise

    async def _session(self, pull: Pull) -> None:
        raise NotImplementedError

    def _arrived(self, message: Msg) -> None:
        raise NotImplementedError

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("delivery itself crashed", subscription=self._consumer.durable, exc_info=error)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._consumer.ack_wait / 3)
            await self._handling.keep()

    async def _wake_when_stopping(self) -> None:
        await self._stopping.wait()
        self._wake.set()

    async def _finish(self) -> None:
        if self._tasks:
            log.info("finishing", subscription=self._consumer.durable, in_flight=len(self._tasks))
            await asyncio.wait(self._tasks, timeout=FINISH_WITHIN)

    async def _woken(self, within: float) -> None:
        """Wait until something happens, at most *within* seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._wake.wait()
        self._wake.clear()

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


class _EachDelivery(_Delivery[T]):
    """Never asks for more than there is room for, so whatever arrives is begun at once."""

    def __init__(self, bus: Bus, subscription: Subscription[T], stopping: asyncio.Event) -> None:
        handling = Handling(bus, subscription.durable, subscription.read, subscription.answers)
        super().__init__(bus, _consumer(subscription), handling, stopping)
        self._most = subscription.in_flight

    async def _session(self, pull: Pull) -> None:
        while not self._stopping.is_set() and pull.lost is None:
            room = self._most - len(self._tasks)
            if room > 0 and not pull.asked:
                await pull.ask(room)
            await self._woken(HEARTBEAT)
            pull.check()

    def _arrived(self, message: Msg) -> None:
        if self._stopping.is_set():
            self._begin(self._handling.hand_back(message))
        else:
            self._begin(self._handling.handle(message))


class _BatchDelivery(_Delivery[T]):
    """Collects what is due, then handles it together."""

    def __init__(self, bus: Bus, subscription: BatchSubscription[T], stopping: asyncio.Event) -> None:
        handling = Handling(bus, subscription.durable, subscription.read, subscription.handler)
        super().__init__(bus, _consumer(subscription), handling, stopping)
        self._size = subscription.size
        self._every = subscription.every
        self._batch: list[Msg] = []

    async def _session(self, pull: Pull) -> None:
        loop = asyncio.get_running_loop()
        try:
            while not self._stopping.is_set() and pull.lost is None:
                due = loop.time() + self._every
                if not await self._round(pull):
                    await self._sleep(due - loop.time())
        finally:
            await self._handling.hand_back(*self._batch)
            self._batch.clear()

    async def _round(self, pull: Pull) -> bool:
        """Handle one batch, and say whether it was a full one."""
        await pull.ask(self._size, wait=False)
        while pull.asked and not self._stopping.is_set():
            await self._woken(HEARTBEAT)
            pull.check()
        if not self._batch or self._stopping.is_set():
            return False
        batch, self._batch = self._batch, []
        self._begin(self._handling.handle(*batch))
        await asyncio.wait(self._tasks)
        return len(batch) == self._size

    def _arrived(self, message: Msg) -> None:
        self._batch.append(message)


def _consumer(subscription: Subscription[T] | BatchSubscription[T]) -> Consumer:
    return Consumer(
        subscription.stream, subscription.durable, tuple(subscription.subjects), subscription.ack_wait
    )
