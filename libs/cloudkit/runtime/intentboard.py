"""The board of intents in the stream CLOUDKIT_INTENTS: `cloudkit.runtime.ports.Intents` on NATS.

One message per instance's name and addressee; a newer one replaces it, even while it is being handled.
Intents carry no ``Nats-Msg-Id``: a repeat must not vanish in the deduplication window.
"""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import stamina
import structlog
from opentelemetry import propagate

from cloudkit.contracts.cloudevents import intent_headers
from cloudkit.contracts.errors import Malformed, Unanswered, Unreachable
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Intent, encode_intent, read_intent
from cloudkit.contracts.subjects import AGAIN, INTENTS, Addressee, intent_subject, token
from cloudkit.runtime.jetstream import JetStream, Stored
from cloudkit.runtime.ports import Clock, Outstanding
from cloudkit.runtime.streams import PROBES

log = structlog.get_logger(__name__)

NO_INTENTS = (PROBES, AGAIN)
"""Other messages in the stream: they ask for nothing about an instance."""


class NatsIntents:
    """The board as *service* writes on it."""

    def __init__(self, jetstream: JetStream, *, service: str, clock: Clock) -> None:
        self._jetstream = jetstream
        self._service = service
        self._clock = clock

    async def publish(self, addressee: Addressee, intent: Intent) -> None:
        subject, body = intent_subject(addressee, intent.instance), encode_intent(intent)
        headers = intent_headers(intent, id=str(uuid4()), source=self._service, time=self._clock.now())
        propagate.inject(headers)
        async for attempt in stamina.retry_context(
            on=(Unreachable, Unanswered), attempts=4, timeout=5, wait_initial=0.1, wait_max=1
        ):
            with attempt:
                await self._jetstream.append(subject, body, headers)

    async def outstanding(self, namespace: str = "") -> Sequence[Outstanding]:
        subject = f"cloudkit.intent.*.{token(namespace)}.*" if namespace else "cloudkit.intent.>"
        stored = await self._jetstream.every(INTENTS, subject)
        intents = (message for message in stored if not message.subject.startswith(NO_INTENTS))
        return tuple(waiting for message in intents if (waiting := _outstanding(message)) is not None)

    async def withdraw(self, instance: InstanceRef) -> None:
        await asyncio.gather(*(self._withdraw(addressee, instance) for addressee in Addressee))

    async def _withdraw(self, addressee: Addressee, instance: InstanceRef) -> None:
        subject = intent_subject(addressee, instance)
        stored = await self._jetstream.last(INTENTS, subject)
        waiting = _outstanding(stored) if stored else None
        if waiting is not None and waiting.instance.uid == instance.uid:
            await self._jetstream.purge(INTENTS, subject, up_to=waiting.sequence)


def _outstanding(stored: Stored) -> Outstanding | None:
    """None for garbage: whoever it is for will make it a dead letter."""
    try:
        addressee = Addressee(stored.subject.split(".")[2])
        return Outstanding(addressee, read_intent(stored.data).instance, stored.seq)
    except (Malformed, ValueError, IndexError) as error:
        log.warning("unreadable intent", subject=stored.subject, sequence=stored.seq, error=str(error))
        return None
