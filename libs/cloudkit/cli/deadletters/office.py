"""The letters in NATS: read, replayed, removed.

A letter goes only after what it asks for is stored. Whoever is interrupted in between replays it again, which
puts the same in the same place.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import assert_never
from uuid import uuid4

from cloudkit.cli.deadletters.replaying import Again, Look, Useless, replay_of
from cloudkit.contracts.cloudevents import intent_headers
from cloudkit.contracts.errors import Conflict, Malformed, NotFound, Unreachable
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Reconcile, encode_intent, read_intent
from cloudkit.contracts.subjects import (
    DEAD_LETTER_SUBJECTS,
    DEAD_LETTERS,
    INTENTS,
    JOBS,
    Addressee,
    again_subject,
    dead_letter_subject,
    intent_subject,
)
from cloudkit.runtime.again import twin_of
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.connection import FIRST_CONNECT_TIMEOUT, PART, Connection
from cloudkit.runtime.deadletters import Letter, letter_of
from cloudkit.runtime.health import Health
from cloudkit.runtime.jetstream import WRONG_LAST_SEQUENCE, JetStream, JetStreamRefused, StreamGone
from cloudkit.runtime.ports import Clock
from cloudkit.runtime.server_clock import ServerClock
from cloudkit.runtime.settings import NatsSettings
from cloudkit.runtime.streams import expectation

CONNECT_WITHIN = FIRST_CONNECT_TIMEOUT + 1
"""Seconds: after the first attempt it is known why."""
WHO = "cloudkit-dead-letters"


@dataclass(frozen=True)
class Office:
    """Where letters are kept. Every call raises `Unreachable`, `Unanswered` or a `Refused`."""

    jetstream: JetStream
    clock: Clock

    def age(self, letter: Letter) -> float:
        """Seconds since *letter* was put aside."""
        return self.jetstream.server_clock.age(letter.time)

    async def letters(self, service: str = "") -> Sequence[Letter]:
        """Every letter (of one *service*, unless empty), oldest first."""
        subject = dead_letter_subject(service, ">") if service else DEAD_LETTER_SUBJECTS
        return [letter_of(stored) for stored in await self.jetstream.every(DEAD_LETTERS, subject)]

    async def letter(self, number: int) -> Letter | None:
        stored = await self.jetstream.at(DEAD_LETTERS, number)
        return letter_of(stored) if stored is not None else None

    async def drop(self, number: int) -> bool:
        """Remove a letter. Whether it was there."""
        return await self.jetstream.remove(DEAD_LETTERS, number)

    async def replay(self, letter: Letter) -> str:
        """Make good what the loss of *letter* may have cost, remove it, and say what was done.

        Raises `Malformed` if nobody can read it, and `Conflict` or `NotFound` with what to do first.
        """
        match replay_of(letter):
            case Useless(because):
                raise Malformed(because)
            case Look(instance):
                done = await self._look(instance)
            case Again() as again:
                done = await self._deliver(letter, again)
            case never:
                assert_never(never)
        await self.drop(letter.number)
        return done

    async def _deliver(self, letter: Letter, again: Again) -> str:
        event = await self.jetstream.at(JOBS, again.sequence)
        if event is None or event.data != letter.body:
            return f"the job log has it no longer; {await self._look(again.instance)}"
        if not await self.jetstream.has_consumer(INTENTS, twin_of(again.durable)):
            text = (
                f"nobody listens for {again.durable}: start {letter.service}, of this version or a newer one"
            )
            raise NotFound(text, system="NATS")
        headers = {name: value for name, value in event.headers.items() if not name.startswith("Nats-")}
        await self.jetstream.append(again_subject(again.durable, again.sequence), event.data, headers)
        return f"{again.durable} gets it once more"

    async def _look(self, instance: InstanceRef) -> str:
        """Ask for a look, but never in place of another: one at an earlier life of the name is asked for
        once."""
        subject, look = intent_subject(Addressee.STATUS, instance), Reconcile(instance=instance)
        now = self.clock.now()
        headers = intent_headers(look, id=str(uuid4()), source=WHO, time=now) | expectation(0, subject)
        try:
            await self.jetstream.append(subject, encode_intent(look), headers)
        except JetStreamRefused as refused:
            if refused.code != WRONG_LAST_SEQUENCE:
                raise
            await self._must_be_asked_for(look, subject)
        return f"the status-writer looks at {instance}"

    async def _must_be_asked_for(self, look: Reconcile, subject: str) -> None:
        waiting = await self.jetstream.last(INTENTS, subject)
        if waiting is not None and read_intent(waiting.data) != look:
            text = f"another look at {look.instance} waits: try again in a minute, with status-writer running"
            raise Conflict(text, system="NATS")


@asynccontextmanager
async def open_office(settings: NatsSettings) -> AsyncIterator[Office]:
    """The letters of the NATS that *settings* name. Raises `Unreachable` if it is not there soon, or has no
    such stream."""
    clock, health = SystemClock(), Health()
    connection = Connection(settings.nats_url, service=WHO, clock=clock, health=health)
    where = ", ".join(connection.public_servers)
    try:
        async with asyncio.timeout(CONNECT_WITHIN):
            await connection.open()
    except TimeoutError as error:
        because = health.parts().get(PART, "no answer")
        raise Unreachable(
            f"NATS cannot be reached at {where} ({because}): is CLOUDKIT_NATS_URL right?", system="NATS"
        ) from error
    try:
        jetstream = JetStream(connection, ServerClock(clock))
        await _must_have_letters(jetstream, where)
        yield Office(jetstream, clock)
    finally:
        await connection.close()


async def _must_have_letters(jetstream: JetStream, where: str) -> None:
    """This also hears the server's time."""
    try:
        await jetstream.stream_info(DEAD_LETTERS)
    except StreamGone as error:
        text = f"NATS at {where} has no stream {DEAD_LETTERS}: no service has ever started with it"
        raise Unreachable(text, system="NATS") from error
