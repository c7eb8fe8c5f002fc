"""Which messages aap-poller hears, and what handles them."""

from typing import Any

from aap_poller.following import Following
from aap_poller.handlers import Handlers
from aap_poller.recovery import Recovery
from cloudkit.contracts.events import JobEventName, read_event
from cloudkit.contracts.intents import read_intent
from cloudkit.contracts.subjects import INTENTS, JOBS, Addressee, events_named, intents_for
from cloudkit.runtime.delivery import BatchSubscription, Subscription


def subscriptions(
    handlers: Handlers, recovery: Recovery, following: Following, *, launches: int
) -> tuple[Subscription[Any] | BatchSubscription[Any], ...]:
    """The table: subject, durable consumer, handler. *launches* may be under way or wait in this process."""
    return (
        Subscription(
            stream=INTENTS,
            subjects=(intents_for(Addressee.AAP),),
            durable="aap-poller-intents",
            read=read_intent,
            handler=handlers.intent,
            in_flight=2 * launches,  # as many again for what must not wait behind them: cancels, questions
        ),
        Subscription(
            stream=JOBS,
            subjects=(events_named(JobEventName.CLAIMED),),
            durable="aap-poller-claims",
            read=read_event,
            handler=recovery.recover,
        ),
        BatchSubscription(
            stream=JOBS,
            subjects=(events_named(JobEventName.LAUNCHED), events_named(JobEventName.ADOPTED)),
            durable="aap-poller-polls",
            read=read_event,
            handler=following.poll,
            every=0.5,
        ),
    )
