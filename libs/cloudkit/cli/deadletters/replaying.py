"""What it means to replay a letter: never the message as it was, but whatever its loss may have cost.

::

    an event of the job log  ──► Again: the durable that gave it up gets it once more
    an intent                ──► Look: the status-writer looks at its instance, and the watcher decides anew
    anything else            ──► Useless: nobody can read it

- A job event is a fact. It stands in the log, and appended again it would be a second claim, or an end that
  comes twice. Its handlers compare it with the log before they act, however late it comes.
- An intent is a wish of long ago. Sent again it would look young: its resource may be another by now, or
  gone, and it would take the place of a newer one. What is still wanted, the watcher asks for by itself.
"""

from dataclasses import dataclass
from typing import TypeAlias

from cloudkit.contracts.errors import Malformed
from cloudkit.contracts.events import read_event
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import read_intent
from cloudkit.contracts.subjects import AGAIN, INTENTS, JOBS, Addressee, intent_subject, job_subject
from cloudkit.runtime.again import SUFFIX
from cloudkit.runtime.deadletters import Letter


@dataclass(frozen=True)
class Again:
    """Deliver event ``sequence`` of the job log once more to ``durable``, or else `Look` at ``instance``."""

    durable: str
    sequence: int
    instance: InstanceRef


@dataclass(frozen=True)
class Look:
    """Have the status-writer look at ``instance``: at the resource as it is, and at its whole log."""

    instance: InstanceRef


@dataclass(frozen=True)
class Useless:
    """There is nothing to replay, ``because``."""

    because: str


Replay: TypeAlias = Again | Look | Useless


def replay_of(letter: Letter) -> Replay:
    """What replaying *letter* has to do."""
    try:
        if letter.stream == JOBS:
            return _event(letter)
        if letter.stream == INTENTS:
            return _once_more(letter) if letter.subject.startswith(AGAIN) else _intent(letter)
    except Malformed as error:
        return Useless(f"it cannot be read: {error.message}")
    return Useless("it does not say which stream it comes from")


def _event(letter: Letter) -> Replay:
    event = read_event(letter.body)
    if letter.subject != job_subject(event):
        return Useless(f"it speaks of {event.instance} on a subject that does not")
    return Again(letter.consumer, letter.sequence, event.instance)


def _once_more(letter: Letter) -> Replay:
    """It was delivered again, and given up again."""
    sequence = letter.subject.rpartition(".")[2]
    if not (sequence.isascii() and sequence.isdecimal()):
        return Useless("its subject names no event of the job log")
    return Again(letter.consumer.removesuffix(SUFFIX), int(sequence), read_event(letter.body).instance)


def _intent(letter: Letter) -> Replay:
    instance = read_intent(letter.body).instance
    if letter.subject not in {intent_subject(addressee, instance) for addressee in Addressee}:
        return Useless(f"it speaks of {instance} on a subject that does not")
    return Look(instance)
