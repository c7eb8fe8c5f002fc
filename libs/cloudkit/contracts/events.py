"""Job events: what happened to a job. Past tense, append-only, and open to whoever subscribes.

::

    claimed ──► launched │ adopted ──► pending ─► waiting ─► running ──► succeeded │ failed │ canceled
       └──────► delayed (nothing runs for this number; it may be claimed again)
    unknown, abandoned: EDA jobs, whose outcome nobody may ever learn
"""

from enum import StrEnum

import msgspec

from cloudkit.contracts.instance import InstanceRef, decode
from cloudkit.contracts.jobs import JobRecord, JobState


class JobEventName(StrEnum):
    """What happened, in one word; the last token of the event's subject."""

    CLAIMED = "claimed"
    """A service took this number and is about to launch; nobody else may."""
    DELAYED = "delayed"
    """Nothing runs for this number, and ``job.reason`` says why. It may be claimed again."""
    LAUNCHED = "launched"
    """The provider accepted the job; ``job.job_id`` is its name for it."""
    ADOPTED = "adopted"
    """The job was found at the provider, although nobody here saw its launch succeed."""
    PENDING = "pending"
    """It waits to be started."""
    WAITING = "waiting"
    """A node accepted it."""
    RUNNING = "running"
    """Its playbook runs."""
    SUCCEEDED = "succeeded"
    """It ended and did what it should."""
    FAILED = "failed"
    """It ended and did not do what it should, or vanished; ``job.message`` says why."""
    CANCELED = "canceled"
    """It was stopped."""
    UNKNOWN = "unknown"
    """A webhook was sent; nobody can say how the job stands."""
    ABANDONED = "abandoned"
    """Nobody will ever learn how it ended, and nobody waits for it any longer."""


CLOSING_EVENTS = frozenset(
    {
        JobEventName.DELAYED,
        JobEventName.SUCCEEDED,
        JobEventName.FAILED,
        JobEventName.CANCELED,
        JobEventName.ABANDONED,
    }
)

STATE_EVENTS = {
    JobState.PENDING: JobEventName.PENDING,
    JobState.WAITING: JobEventName.WAITING,
    JobState.RUNNING: JobEventName.RUNNING,
    JobState.SUCCEEDED: JobEventName.SUCCEEDED,
    JobState.FAILED: JobEventName.FAILED,
    JobState.CANCELED: JobEventName.CANCELED,
    JobState.UNKNOWN: JobEventName.UNKNOWN,
}
"""The event that says that a job has reached a state."""


class JobEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened to a job of *instance*; ``job`` is its whole record from then on."""

    event: JobEventName
    instance: InstanceRef
    job: JobRecord

    @property
    def closed(self) -> bool:
        """Whether, after this event, nothing runs for the job."""
        return self.event in CLOSING_EVENTS or self.job.closed


def encode_event(event: JobEvent) -> bytes:
    """The body of the message that carries *event*."""
    return msgspec.json.encode(event)


def read_event(data: bytes) -> JobEvent:
    """The event in a message's body. Raises `Malformed`."""
    return decode(data, JobEvent)
