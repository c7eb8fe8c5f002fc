"""Delivering once more what was given up: the way back from the dead letters to a handler.

::

    CLOUDKIT_JOBS ──► aap-poller-claims ──────────► handler ──► crashed ten times: a dead letter
    cloudkit.intent.again.aap-poller-claims.* ──────► ▲
                        └── what `cloudkit dead-letters replay` puts there, until it is acknowledged

An event of the job log is a fact: it is never appended a second time, and JetStream gives a durable nothing
again that was settled. So each subscription to the log has a twin, which hears what an operator asks for.
Handlers compare every event with the log before they act, so that a late one does no harm.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeAlias

from cloudkit.contracts.subjects import INTENTS, JOBS, asked_again
from cloudkit.runtime.delivery import BatchSubscription, Subscription

AnySubscription: TypeAlias = Subscription[Any] | BatchSubscription[Any]

SUFFIX = "-again"


def with_twins(subscriptions: Iterable[AnySubscription]) -> tuple[AnySubscription, ...]:
    """*subscriptions*, and beside each that reads the job log its twin."""
    given = tuple(subscriptions)
    return (*given, *(_twin(one) for one in given if one.stream == JOBS))


def twin_of(durable: str) -> str:
    """The durable of the twin of *durable*; that of a twin is its own."""
    return f"{durable.removesuffix(SUFFIX)}{SUFFIX}"


def _twin(subscription: AnySubscription) -> AnySubscription:
    durable = subscription.durable
    return replace(subscription, stream=INTENTS, subjects=(asked_again(durable),), durable=twin_of(durable))
