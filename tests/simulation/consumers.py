"""Durable consumers in memory: who gets which message, and when again.

A message that nobody settles comes again after ``ack_wait``, to any subscriber; a nak brings it back after
its delay. Subscribers are processes: what is on its way to one that dies comes to another.
"""

import heapq
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from nats.aio.msg import Msg

from cloudkit.runtime.jetstream import Stored
from simulation.faults import Dice
from simulation.hosts import Process
from simulation.loop import WORLD, Loop
from simulation.streams import Stream, matches


@dataclass(eq=False)
class Subscriber:
    """A process that handles up to *most* messages at once; those of a batch come together, *every* so many
    seconds. *handle* begins to handle them, and calls `over` for each when it is done."""

    process: Process
    handle: Callable[[Sequence[Msg]], None]
    most: int
    every: float = 0.0
    under_way: int = 0
    rests_until: float = 0.0

    @property
    def room(self) -> int:
        """How many messages it can take: none, while it is at work on a batch."""
        if self.process.dead or (self.every and self.under_way):
            return 0
        return self.most - self.under_way


@dataclass(eq=False)
class Consumer:
    """The server's side of a durable consumer of *stream*."""

    durable: str
    stream: Stream
    subjects: Sequence[str]
    ack_wait: float
    loop: Loop
    dice: Dice
    forgetful: bool = False
    """Whether it loses an event now and then."""
    subscribers: list[Subscriber] = field(default_factory=list)
    deliveries: dict[int, int] = field(default_factory=dict)
    _due: list[tuple[float, int, int]] = field(default_factory=list)
    _due_at: dict[int, float] = field(default_factory=dict)
    """When each unsettled message is delivered (again)."""
    _order: Any = field(default_factory=count)
    _pumping_at: float = float("inf")

    def __post_init__(self) -> None:
        for stored in self.stream.messages.values():
            self.hear(stored, after=0.0)
        self.stream.heard.append(self.hear)

    @property
    def unsettled(self) -> list[Stored]:
        return [self.stream.messages[seq] for seq in self._due_at if seq in self.stream.messages]

    def hear(self, stored: Stored, *, after: float | None = None) -> None:
        """*stored* is to be delivered *after* so many seconds, or as soon as it has found its way."""
        if not any(matches(subject, stored.subject) for subject in self.subjects):
            return
        if self.forgetful and self.dice.happens(self.dice.rates.event_lost):
            self.dice.history.fault("event lost", self.durable, stored.subject)
            return
        delay = self.dice.latency() if after is None else after
        self._deliver_at(stored.seq, self.loop.time() + delay)

    def subscribe(self, subscriber: Subscriber) -> None:
        self.subscribers = [one for one in self.subscribers if not one.process.dead]
        self.subscribers.append(subscriber)
        self._pump_at(self.loop.time())

    def settle(self, seq: int, verb: bytes) -> None:
        """Heed an acknowledgement."""
        if seq not in self._due_at:
            return
        now = self.loop.time()
        if verb.startswith(b"-NAK"):
            delay = json.loads(verb[5:])["delay"] / 1e9 if len(verb) > 5 else 0.0
            self._deliver_at(seq, now + delay)
        elif verb == b"+WPI":
            self._deliver_at(seq, now + self.ack_wait)
        else:
            del self._due_at[seq]
            if self.stream.work_queue:
                self.stream.messages.pop(seq, None)

    def over(self, subscriber: Subscriber) -> None:
        """There is room for one message more at *subscriber*."""
        subscriber.under_way -= 1
        self._pump_at(self.loop.time())

    def _deliver_at(self, seq: int, at: float) -> None:
        self._due_at[seq] = at
        heapq.heappush(self._due, (at, next(self._order), seq))
        self._pump_at(at)

    def _pump_at(self, at: float) -> None:
        if at < self._pumping_at:
            self._pumping_at = at
            self.loop.call_at(at, self._pump, at, context=WORLD)

    def _pump(self, at: float) -> None:
        """Deliver what is due to whoever has room for it."""
        if at != self._pumping_at:
            return
        self._pumping_at = float("inf")
        now = self.loop.time()
        while self._due and (subscriber := self._free(now)) is not None:
            room = subscriber.room if subscriber.every else 1
            batch = self._take(now, room)
            if not batch:
                break
            subscriber.under_way += len(batch)
            full = len(batch) == room  # and others are left behind, which need not wait
            subscriber.rests_until = now if full else now + subscriber.every
            subscriber.handle(batch)
        ready_at = min((one.rests_until for one in self.subscribers if one.room), default=None)
        if self._due and ready_at is not None:
            self._pump_at(max(self._due[0][0], ready_at))

    def _free(self, now: float) -> Subscriber | None:
        free = [one for one in self.subscribers if one.room and one.rests_until <= now]
        return self.dice.random.choice(free) if free else None

    def _take(self, now: float, most: int) -> list[Msg]:
        batch: list[Msg] = []
        while self._due and self._due[0][0] <= now and len(batch) < most:
            at, _, seq = heapq.heappop(self._due)
            stored = self.stream.messages.get(seq)
            if self._due_at.get(seq) != at:
                continue
            if stored is None:  # it was replaced or purged
                del self._due_at[seq]
                continue
            batch.append(self._message(stored))
            again = self.dice.latency() if self.dice.happens(self.dice.rates.doubled) else self.ack_wait
            self._due_at[seq] = now + again
            heapq.heappush(self._due, (now + again, next(self._order), seq))
        return batch

    def _message(self, stored: Stored) -> Msg:
        count = self.deliveries[stored.seq] = self.deliveries.get(stored.seq, 0) + 1
        nanoseconds = int(stored.time.timestamp() * 1e9)
        epoch = int(self.stream.created.timestamp())
        reply = f"$JS.ACK.{self.stream.name}.{self.durable}.{count}.{stored.seq}.{epoch}.{nanoseconds}.0"
        return Msg(
            _client=None,  # type: ignore[arg-type]  # it never replies by itself
            subject=stored.subject,
            reply=reply,
            data=stored.data,
            headers=dict(stored.headers),
        )
