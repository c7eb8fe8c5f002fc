"""Which messages eda-dispatcher hears, and what handles them."""

from typing import Any

from cloudkit.contracts.events import JobEventName, read_event
from cloudkit.contracts.intents import read_intent
from cloudkit.contracts.subjects import INTENTS, JOBS, Addressee, events_named, intents_for
from cloudkit.runtime.delivery import Subscription
from eda_dispatcher.handlers import Handlers


def subscriptions(handlers: Handlers, *, webhooks: int) -> tuple[Subscription[Any], ...]:
    """The table: subject, durable consumer, handler. *webhooks* may be under way at once."""
    return (
        Subscription(
            stream=INTENTS,
            subjects=(intents_for(Addressee.EDA),),
            durable="eda-dispatcher-intents",
            read=read_intent,
            handler=handlers.intent,
            in_flight=2 * webhooks,  # as many again for what needs no webhook
        ),
        Subscription(
            stream=JOBS,
            subjects=(events_named(JobEventName.CLAIMED),),
            durable="eda-dispatcher-claims",
            read=read_event,
            handler=handlers.claim,
        ),
    )
