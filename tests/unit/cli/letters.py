"""Letters to look at."""

from datetime import UTC, datetime

from msgspec.structs import replace

from cloudkit.contracts.events import JobEvent, JobEventName, encode_event
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Intent, Reconcile, encode_intent
from cloudkit.contracts.jobs import JobRecord, JobState, JobType
from cloudkit.contracts.subjects import (
    INTENTS,
    JOBS,
    Addressee,
    dead_letter_subject,
    intent_subject,
    job_subject,
)
from cloudkit.runtime import deadletters
from cloudkit.runtime.deadletters import Letter, letter_of
from cloudkit.runtime.jetstream import Stored

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
VM = InstanceRef("lab", "vm.example", "uid-1")
OTHER = replace(VM, name="other")
CLAIMED = JobEvent(
    event=JobEventName.CLAIMED,
    instance=VM,
    job=JobRecord(type=JobType.PROVISION, state=JobState.PENDING, timestamp=NOON, number=3),
)


def letter(
    subject: str,
    body: bytes,
    *,
    stream: str = INTENTS,
    consumer: str = "aap-poller-intents",
    sequence: str = "7",
    reason: str = "a bug",
    **headers: str,
) -> Letter:
    """As it is read from the stream."""
    told = {
        deadletters.STREAM: stream,
        deadletters.CONSUMER: consumer,
        deadletters.SUBJECT: subject,
        deadletters.SEQUENCE: sequence,
        deadletters.REASON: reason,
        "Nats-Msg-Id": "x",
    }
    where = dead_letter_subject("aap-poller", subject)
    return letter_of(Stored(where, 42, NOON, body, {**told, **headers}))


def of_intent(intent: Intent, *, addressee: Addressee = Addressee.AAP, about: InstanceRef = VM) -> Letter:
    return letter(intent_subject(addressee, about), encode_intent(intent))


def of_event(event: JobEvent = CLAIMED, *, consumer: str = "aap-poller-claims") -> Letter:
    return letter(job_subject(event), encode_event(event), stream=JOBS, consumer=consumer)


RECONCILE = Reconcile(instance=VM)
