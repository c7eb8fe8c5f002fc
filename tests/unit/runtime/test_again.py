"""Each subscription to the job log has a twin, by which an operator reaches the same handler."""

from typing import Any

from cloudkit.contracts.events import read_event
from cloudkit.contracts.intents import read_intent
from cloudkit.contracts.subjects import INTENTS, JOBS, Addressee, again_subject, asked_again, intents_for
from cloudkit.runtime.again import twin_of, with_twins
from cloudkit.runtime.answers import DONE, Answer, Received
from cloudkit.runtime.delivery import BatchSubscription, Subscription


async def take(_: Received[Any]) -> Answer:
    return DONE


async def take_all(_: Any) -> list[Answer]:
    return []


EVENTS = Subscription(
    stream=JOBS, subjects=("cloudkit.job.>",), durable="x-claims", read=read_event, handler=take, in_flight=7
)
BATCHES = BatchSubscription(
    stream=JOBS, subjects=("cloudkit.job.>",), durable="x-polls", read=read_event, handler=take_all, size=9
)
WISHES = Subscription(
    stream=INTENTS, subjects=("cloudkit.intent.aap.>",), durable="x-intents", read=read_intent, handler=take
)


def test_what_hears_the_log_also_hears_what_is_asked_for_again() -> None:
    *given, twin, twin_of_batches = with_twins([WISHES, EVENTS, BATCHES])
    assert given == [WISHES, EVENTS, BATCHES]
    assert (twin.stream, twin.subjects, twin.durable) == (
        INTENTS,
        (asked_again("x-claims"),),
        "x-claims-again",
    )
    assert isinstance(twin, Subscription)
    assert (twin.handler, twin.read, twin.in_flight) == (take, read_event, 7)
    assert isinstance(twin_of_batches, BatchSubscription)
    assert (twin_of_batches.handler, twin_of_batches.size) == (take_all, 9)


def test_a_twin_has_no_twin() -> None:
    assert twin_of(twin_of("x-claims")) == "x-claims-again"


def test_what_is_asked_for_again_reaches_the_twin_and_nobody_else() -> None:
    subject = again_subject("x-claims", 7)
    assert subject == asked_again("x-claims").replace("*", "7")
    for addressee in Addressee:
        assert not subject.startswith(intents_for(addressee).removesuffix(">"))
