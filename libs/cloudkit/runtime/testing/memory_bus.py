"""The job log and the board of intents in memory, by the same rules as on NATS.

Messages go through their JSON here too, so a test sees what a reader on the other side would.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from cloudkit.contracts.errors import Conflict, ProvisionerError
from cloudkit.contracts.events import JobEvent, encode_event, read_event
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Intent, encode_intent, read_intent
from cloudkit.contracts.subjects import Addressee, intent_subject, jobs_of_name
from cloudkit.runtime.joblog import READ_IS_GOOD_FOR
from cloudkit.runtime.ports import Clock, LogEpoch, Outstanding, Position


class MemoryJobLog:
    """A `cloudkit.runtime.ports.JobLog`.

    ``failures`` are raised by the next calls, one each, and nothing happens. ``lost_answers`` are raised
    by the next appends, one each, although the event then stands in the log: the caller cannot know.
    """

    def __init__(self, clock: Clock, *, created: datetime | None = None) -> None:
        self._clock = clock
        self._created = created or clock.now()
        self._log: list[JobEvent] = []
        self._of_name: dict[str, list[tuple[int, JobEvent]]] = {}
        self._ids: set[str] = set()
        self.failures: list[ProvisionerError] = []
        self.lost_answers: list[ProvisionerError] = []

    @property
    def events(self) -> tuple[JobEvent, ...]:
        """Everything that was appended, oldest first."""
        return tuple(self._log)

    def lose(self) -> None:
        """Lose the log: an empty one is made in its place, now."""
        self._log.clear()
        self._of_name.clear()
        self._ids.clear()
        self._created = self._clock.now()

    async def position(self, instance: InstanceRef) -> Position:
        self._fail_if_told()
        return self._position(instance, read_at=self._clock.monotonic())

    async def append(self, event: JobEvent, at: Position, *, id: str | None = None) -> Position:
        self._fail_if_told()
        sent_at = self._clock.monotonic()
        id = id or str(uuid4())
        if sent_at - at.read_at >= READ_IS_GOOD_FOR:
            raise Conflict("what the append relies on was read too long ago", system="memory")
        if id in self._ids:
            raise Conflict(f"message id {id} was used before", system="memory")
        if self._position(event.instance, read_at=sent_at).sequence != at.sequence:
            raise Conflict(f"something newer stands under {event.instance}", system="memory")
        self._store(event, id)
        if self.lost_answers:
            raise self.lost_answers.pop(0)
        return self._position(event.instance, read_at=sent_at)

    async def history(self, instance: InstanceRef) -> tuple[JobEvent, ...]:
        self._fail_if_told()
        of_name = self._of_name.get(jobs_of_name(instance), [])
        return tuple(event for _, event in of_name if event.instance.uid == instance.uid)

    async def epoch(self) -> LogEpoch:
        self._fail_if_told()
        return LogEpoch(self._created, (self._clock.now() - self._created).total_seconds())

    def _store(self, event: JobEvent, id: str) -> None:
        as_read = read_event(encode_event(event))
        self._ids.add(id)
        self._log.append(as_read)
        self._of_name.setdefault(jobs_of_name(event.instance), []).append((len(self._log), as_read))

    def _position(self, instance: InstanceRef, *, read_at: float) -> Position:
        of_name = self._of_name.get(jobs_of_name(instance), [])
        sequence, last = of_name[-1] if of_name else (0, None)
        own = (event for _, event in reversed(of_name) if event.instance.uid == instance.uid)
        return Position(
            instance=instance, sequence=sequence, read_at=read_at, of_name=last, of_uid=next(own, None)
        )

    def _fail_if_told(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


class MemoryIntents:
    """A `cloudkit.runtime.ports.Intents`. ``failures`` are raised by the next calls, one each."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[int, Addressee, bytes]] = {}
        self._sequence = 0
        self.published: list[tuple[Addressee, Intent]] = []
        self.failures: list[ProvisionerError] = []

    @property
    def waiting(self) -> tuple[tuple[Addressee, Intent], ...]:
        """What nobody has taken yet, oldest first."""
        return tuple((addressee, read_intent(body)) for _, addressee, body in sorted(self._waiting.values()))

    def take(self, addressee: Addressee) -> tuple[Intent, ...]:
        """Take what waits for *addressee* off the board, oldest first, as a consumer that is done."""
        taken = tuple(intent for to, intent in self.waiting if to is addressee)
        self._waiting = {s: waits for s, waits in self._waiting.items() if waits[1] is not addressee}
        return taken

    async def publish(self, addressee: Addressee, intent: Intent) -> None:
        self._fail_if_told()
        self._sequence += 1
        self.published.append((addressee, intent))
        subject = intent_subject(addressee, intent.instance)
        self._waiting[subject] = (self._sequence, addressee, encode_intent(intent))

    async def outstanding(self, namespace: str = "") -> Sequence[Outstanding]:
        self._fail_if_told()
        waiting = (
            Outstanding(addressee, read_intent(body).instance, sequence)
            for sequence, addressee, body in sorted(self._waiting.values())
        )
        return tuple(each for each in waiting if namespace in {"", each.instance.namespace})

    async def withdraw(self, instance: InstanceRef) -> None:
        self._fail_if_told()
        for each in await self.outstanding():
            if each.instance == instance:
                del self._waiting[intent_subject(each.addressee, instance)]

    def _fail_if_told(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
