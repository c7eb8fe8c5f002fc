"""What the status-writer hears from the bus, and who handles it."""

from cloudkit.contracts.events import JobEvent, JobEventName, read_event
from cloudkit.contracts.intents import Intent, read_intent
from cloudkit.contracts.subjects import INTENTS, JOBS, Addressee, events_named, intents_for
from cloudkit.runtime.delivery import Subscription
from status_writer.handlers import StatusWriter

IN_FLIGHT = 8192
"""Far more than are written at once: messages also wait here for company, to share one write. With less
room than there are instances with news, those that could share a write never meet."""


def intents(writer: StatusWriter, namespace: str) -> Subscription[Intent]:
    """`Reconcile`, from the watcher and from providers."""
    return Subscription(
        stream=INTENTS,
        subjects=(intents_for(Addressee.STATUS, namespace),),
        durable="status-writer-intents",
        read=read_intent,
        handler=writer.reconcile,
        in_flight=IN_FLIGHT,
    )


def job_events(writer: StatusWriter, namespace: str) -> Subscription[JobEvent]:
    """Everything that happens to jobs but claims, which tell only what somebody is about to do."""
    heard = (name for name in JobEventName if name is not JobEventName.CLAIMED)
    return Subscription(
        stream=JOBS,
        subjects=tuple(events_named(name, namespace) for name in heard),
        durable="status-writer-events",
        read=read_event,
        handler=writer.record,
        in_flight=IN_FLIGHT,
    )
