"""From a message to its acknowledgement: the one place that says ack, nak and term.

::

    Done ──► ack            Later ──► nak with its delay            Never ──► dead letter, term
    Malformed on reading ──► dead letter, term
    ProvisionerError ──► nak, 1 s doubling to 30 s: others could not do what they should; for ever
    any other exception ──► nak, 1 s doubling to 60 s; ten in a row ──► dead letter, term

An outage of others, a refusal included, never makes a dead letter: it ends when somebody mends it, and
the message is still needed then. A crash is a bug of ours and will not go away by itself.

Acknowledgements are sent without waiting for an answer. One that is lost means that the message comes
again, which every handler has to bear anyway.
"""

import asyncio
import json
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar, assert_never

import structlog
from nats.aio.msg import Msg
from opentelemetry import propagate, trace
from opentelemetry.context import Context

from cloudkit.contracts.errors import Malformed, ProvisionerError
from cloudkit.runtime import metrics
from cloudkit.runtime.answers import Answer, Done, Later, Never, Received
from cloudkit.runtime.bus import Bus
from cloudkit.runtime.deadletters import bury
from cloudkit.runtime.troubles import MessageKey, Troubles, key_of

T = TypeVar("T")

Handler = Callable[[Sequence[Received[T]]], Awaitable[Sequence[Answer]]]

log = structlog.get_logger(__name__)
tracer = trace.get_tracer("cloudkit.runtime")

BURY_AGAIN_AFTER = 10.0


class Handling(Generic[T]):
    """Handles messages of the subscription *name*: *read* makes a body of the bytes, *handler* answers
    for each of the messages that it is given."""

    def __init__(self, bus: Bus, name: str, read: Callable[[bytes], T], handler: Handler[T]) -> None:
        self._bus = bus
        self._name = name
        self._read = read
        self._handler = handler
        self._troubles = Troubles()
        self._held: dict[MessageKey, Msg] = {}
        self._in_flight = metrics.MESSAGES_IN_FLIGHT.labels(name)
        self._seconds = metrics.MESSAGE_SECONDS.labels(name)

    async def handle(self, *messages: Msg) -> None:
        """Handle *messages* together and settle each. When canceled, hand back what is not settled."""
        mine = [message for message in messages if self._take(message)]
        try:
            received = [(message, each) for message in mine if (each := await self._received(message))]
            if received:
                await self._answer(received)
        except asyncio.CancelledError:
            await self.hand_back(*(message for message in mine if key_of(message) in self._held))
            raise
        finally:
            for message in mine:
                self._let_go(message)

    async def hand_back(self, *messages: Msg) -> None:
        """Let another replica have *messages* at once."""
        for message in messages:
            await self._reply(message, b"-NAK")

    async def keep(self) -> None:
        """Tell the server that what is being handled still is."""
        for message in tuple(self._held.values()):
            await self._reply(message, b"+WPI")

    def _take(self, message: Msg) -> bool:
        """False for one that we hold already: it was delivered again while we were cut off, and the
        answer to the first delivery counts for both."""
        if key_of(message) in self._held:
            return False
        self._held[key_of(message)] = message
        self._in_flight.inc()
        return True

    def _let_go(self, message: Msg) -> None:
        if self._held.pop(key_of(message), None) is not None:
            self._in_flight.dec()

    async def _received(self, message: Msg) -> Received[T] | None:
        try:
            body = self._read(message.data)
        except Malformed as error:
            await self._put_aside(message, "malformed", error.message)
            return None
        except Exception as error:  # noqa: BLE001  # a bug in reading is a crash like any other
            await self._crashed(message, error)
            return None
        found = message.metadata
        age = self._bus.jetstream.server_clock.age(found.timestamp)
        return Received(body, found.sequence.stream, age, found.num_delivered)

    async def _answer(self, received: Sequence[tuple[Msg, Received[T]]]) -> None:
        messages = [message for message, _ in received]
        try:
            with self._observed(messages):
                answers = await self._handler([each for _, each in received])
                answered = tuple(zip(messages, answers, strict=True))
        except ProvisionerError as error:
            for message in messages:
                await self._retry_after(message, error)
        except Exception as error:  # noqa: BLE001  # a bug in a handler must not end the service
            await self._crashed_together(received, error)
        else:
            for message, answer in answered:
                await self._settle(message, answer)

    async def _crashed_together(self, received: Sequence[tuple[Msg, Received[T]]], error: Exception) -> None:
        """One poisonous message must not take its companions with it: try each alone."""
        if len(received) == 1:
            await self._crashed(received[0][0], error)
            return
        log.warning("a batch crashed, trying each alone", subscription=self._name, error=repr(error))
        for each in received:
            await self._answer([each])

    async def _settle(self, message: Msg, answer: Answer) -> None:
        self._troubles.over(message)
        match answer:
            case Done():
                await self._reply(message, b"+ACK", "done")
            case Later(delay, because):
                log.debug("later", **self._about(message), delay=delay, because=because)
                await self._nak(message, delay, "later")
            case Never(because):
                await self._put_aside(message, "never", because)
            case _:
                assert_never(answer)

    async def _retry_after(self, message: Msg, error: ProvisionerError) -> None:
        pause = self._troubles.outage(message).outage_pause
        log.warning(
            "could not handle a message, trying again",
            **self._about(message),
            error=type(error).__name__,
            because=error.message,
            pause=pause,
        )
        await self._nak(message, pause, "retried")

    async def _crashed(self, message: Msg, error: Exception) -> None:
        trouble = self._troubles.crashed(message)
        log.error("a handler crashed", **self._about(message), crashes=trouble.crashes, exc_info=error)
        if trouble.hopeless:
            story = "".join(traceback.format_exception(error))
            await self._put_aside(message, "crashed", f"crashed {trouble.crashes} times: {error!r}", story)
        else:
            await self._nak(message, trouble.crash_pause, "crashed")

    async def _put_aside(self, message: Msg, answer: str, reason: str, story: str = "") -> None:
        """Term only what is safe in the dead letters."""
        try:
            await bury(
                self._bus.jetstream, message, service=self._bus.service, reason=reason, traceback=story
            )
        except ProvisionerError as error:
            log.warning("a dead letter could not be stored", **self._about(message), because=error.message)
            await self._nak(message, BURY_AGAIN_AFTER, "retried")
            return
        log.error("put a message aside as a dead letter", **self._about(message), reason=reason)
        metrics.DEAD_LETTERS.labels(self._name, answer).inc()
        self._troubles.over(message)
        await self._reply(message, b"+TERM", answer)

    async def _nak(self, message: Msg, delay: float, answer: str) -> None:
        nanoseconds = max(0, int(delay * 1e9))
        verb = b"-NAK" if nanoseconds == 0 else b"-NAK " + json.dumps({"delay": nanoseconds}).encode()
        await self._reply(message, verb, answer)

    async def _reply(self, message: Msg, verb: bytes, answer: str = "") -> None:
        if answer:
            metrics.MESSAGES.labels(self._name, answer).inc()
            self._let_go(message)
        try:
            await self._bus.jetstream.connection.publish(message.reply, verb)
        except ProvisionerError as error:
            log.debug("an acknowledgement was lost", **self._about(message), because=error.message)

    @contextmanager
    def _observed(self, messages: Sequence[Msg]) -> Iterator[None]:
        """Take the time, inside a span that continues the trace of a message that came alone."""
        started = time.perf_counter()
        parent = propagate.extract(messages[0].headers or {}) if len(messages) == 1 else Context()
        try:
            with tracer.start_as_current_span(
                f"{self._name} process", context=parent, kind=trace.SpanKind.CONSUMER
            ):
                yield
        finally:
            self._seconds.observe(time.perf_counter() - started)

    def _about(self, message: Msg) -> dict[str, object]:
        found = message.metadata
        return {
            "subscription": self._name,
            "subject": message.subject,
            "sequence": found.sequence.stream,
            "deliveries": found.num_delivered,
        }
