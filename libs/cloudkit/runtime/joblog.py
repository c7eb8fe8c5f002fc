"""The job log in the stream CLOUDKIT_JOBS: `cloudkit.runtime.ports.JobLog` on NATS.

An append must fail if anything was appended for the name since it was read; that one rule is what keeps
two jobs from running side by side.

::

    append ──► stored
           ├── 10071: something newer stands there ──► ours, whose answer was lost? success : Conflict
           ├── 10164, 10158: an append is in flight ──► pause, again; then Conflict
           ├── lost answer ──► again under the same id, while the read is young ──► Unanswered
           └── the read is older than 10 s ──► Conflict, nothing is sent
"""

from uuid import uuid4

import structlog
from opentelemetry import propagate

from cloudkit.contracts.cloudevents import event_headers
from cloudkit.contracts.errors import Conflict, Malformed, Unanswered, Unreachable
from cloudkit.contracts.events import JobEvent, encode_event, read_event
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.subjects import JOBS, job_subject, jobs_of_name, jobs_of_uid
from cloudkit.runtime import jetstream as js
from cloudkit.runtime import metrics
from cloudkit.runtime.jetstream import JetStream, JetStreamRefused
from cloudkit.runtime.ports import Clock, LogEpoch, Position
from cloudkit.runtime.streams import expectation

log = structlog.get_logger(__name__)

READ_IS_GOOD_FOR = 10.0
"""How old the read may be, in seconds, that an append relies on: a log that was lost and made again
counts its sequences anew, so an old number may fit a log that it does not mean."""
ANSWER_WITHIN = 2.0
PAUSE = 0.05
BUSY_ATTEMPTS = 10


class NatsJobLog:
    """The log as *service* reads and writes it."""

    def __init__(self, jetstream: JetStream, *, service: str, clock: Clock) -> None:
        self._jetstream = jetstream
        self._service = service
        self._clock = clock

    async def position(self, instance: InstanceRef) -> Position:
        read_at = self._clock.monotonic()
        last = await self._jetstream.last(JOBS, jobs_of_name(instance))
        of_name = read_event(last.data) if last else None
        of_uid = of_name
        if of_name is not None and of_name.instance.uid != instance.uid:
            own = await self._jetstream.last(JOBS, jobs_of_uid(instance))
            of_uid = read_event(own.data) if own else None
        return Position(
            instance=instance,
            sequence=last.seq if last else 0,
            read_at=read_at,
            of_name=of_name,
            of_uid=of_uid,
        )

    async def append(self, event: JobEvent, at: Position, *, id: str | None = None) -> Position:
        attempt = _Append(self._jetstream, self._clock, event, at, id or str(uuid4()), self._service)
        sent_at = self._clock.monotonic()
        sequence = await attempt.stand()
        return Position(
            instance=event.instance, sequence=sequence, read_at=sent_at, of_name=event, of_uid=event
        )

    async def history(self, instance: InstanceRef) -> tuple[JobEvent, ...]:
        """What cannot be read is left out: a status that lacks one event is better than none. A position
        on it is refused, so nothing is ever launched on a log that nobody understands."""
        stored = await self._jetstream.every(JOBS, jobs_of_uid(instance))
        return tuple(event for message in stored if (event := _readable(message)) is not None)

    async def epoch(self) -> LogEpoch:
        """Never from a cache: an answer from before the log was lost would let a claim through that
        ought to look for lost jobs first."""
        info = await self._jetstream.stream_info(JOBS)
        return LogEpoch(info.created, max(0.0, (info.ts - info.created).total_seconds()))


def _readable(message: js.Stored) -> JobEvent | None:
    try:
        return read_event(message.data)
    except Malformed as error:
        metrics.UNREADABLE_EVENTS.inc()
        log.warning("an event in the job log cannot be read", sequence=message.seq, because=error.message)
        return None


class _Append:
    """One append, sent until it stands in the log or cannot."""

    def __init__(
        self, jetstream: JetStream, clock: Clock, event: JobEvent, at: Position, id: str, service: str
    ) -> None:
        self._jetstream = jetstream
        self._clock = clock
        self._id = id
        self._subject = job_subject(event)
        self._of_name = jobs_of_name(event.instance)
        self._body = encode_event(event)
        self._expires = at.read_at + READ_IS_GOOD_FOR
        self._headers = event_headers(event, id=id, source=service) | {"Nats-Msg-Id": id}
        self._headers |= expectation(at.sequence, self._of_name)
        propagate.inject(self._headers)
        self._unanswered: Unanswered | None = None
        self._busy = 0

    async def stand(self) -> int:
        """The sequence under which the event stands in the log."""
        while (left := self._expires - self._clock.monotonic()) > 0:
            try:
                ack = await self._jetstream.append(
                    self._subject, self._body, self._headers, within=min(ANSWER_WITHIN, left)
                )
                return self._own(ack)
            except JetStreamRefused as refused:
                if (sequence := await self._sequence_after(refused)) is not None:
                    return sequence
            except Unanswered as lost:
                self._unanswered = lost
            except Unreachable:
                if self._unanswered is None:
                    raise
            await self._clock.sleep(PAUSE)
        raise self._unanswered or Conflict("what the append relies on was read too long ago", system="NATS")

    def _own(self, ack: js.PubAck) -> int:
        """A duplicate is ours only if we sent it before: an id that was used elsewhere proves nothing."""
        if ack.duplicate and self._unanswered is None:
            raise Conflict(f"message id {self._id} was used before", system="NATS")
        return ack.seq

    async def _sequence_after(self, refused: JetStreamRefused) -> int | None:
        """Where our event stands after all, or None if it may be sent again. Raises `Conflict`."""
        match refused.code:
            case js.WRONG_LAST_SEQUENCE if self._unanswered is not None:
                return await self._own_sequence()
            case js.WRONG_LAST_SEQUENCE:
                raise Conflict(f"something newer stands under {self._of_name}", system="NATS") from refused
            case js.SAME_SUBJECT_IN_FLIGHT | js.SAME_ID_IN_FLIGHT if self._unanswered is not None:
                return None  # what is in flight may be ours: only time will tell
            case js.SAME_SUBJECT_IN_FLIGHT | js.SAME_ID_IN_FLIGHT if self._busy < BUSY_ATTEMPTS:
                self._busy += 1
                return None
            case js.SAME_SUBJECT_IN_FLIGHT | js.SAME_ID_IN_FLIGHT:
                raise Conflict(f"appends under {self._of_name} are in flight", system="NATS") from refused
            case _:
                raise refused

    async def _own_sequence(self) -> int | None:
        """After a lost answer the newer event may be our own: a single server looks at the expectation
        before it looks for duplicates."""
        try:
            last = await self._jetstream.last(JOBS, self._of_name)
        except (Unreachable, Unanswered):
            return None
        if last is not None and last.headers.get("Nats-Msg-Id") == self._id:
            return last.seq
        raise Conflict(f"something newer stands under {self._of_name}", system="NATS")
