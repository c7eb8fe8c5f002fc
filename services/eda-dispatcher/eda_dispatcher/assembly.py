"""How the parts of eda-dispatcher hold each other, whatever bus, EDA and clock they are given.

`eda_dispatcher.__main__` gives them the real ones, the simulation its own: what is proved there runs here.
"""

from dataclasses import dataclass
from typing import Any

from cloudkit.runtime.delivery import Subscription
from cloudkit.runtime.health import Health
from cloudkit.runtime.ports import Clock, Intents, JobLog
from eda_dispatcher.dispatching import Dispatching
from eda_dispatcher.handlers import Handlers
from eda_dispatcher.presence import Presence
from eda_dispatcher.settings import Settings
from eda_dispatcher.subscriptions import subscriptions
from eda_dispatcher.webhooks import Webhooks

ANSWER_IS_WRITTEN_WITHIN = 20.0
"""Seconds after which a claim whose webhook nobody accounts for has lost its sender."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What eda-dispatcher reaches the world through."""

    jobs: JobLog
    intents: Intents
    webhooks: Webhooks
    clock: Clock
    health: Health


def assemble(settings: Settings, around: Surroundings) -> tuple[Subscription[Any], ...]:
    """Wire everything together; nothing runs yet."""
    dispatching = Dispatching(
        log=around.jobs,
        intents=around.intents,
        clock=around.clock,
        webhooks=around.webhooks,
        presence=Presence(around.health, around.clock),
        request_interval=settings.request_interval,
        cancel_grace=settings.cancel_grace,
        eda_patience=settings.eda_patience,
        at_once=settings.webhooks_at_once,
    )
    handlers = Handlers(
        around.jobs,
        around.intents,
        around.clock,
        dispatching,
        orphaned_after=settings.request_timeout + ANSWER_IS_WRITTEN_WITHIN,
    )
    return subscriptions(handlers, webhooks=settings.webhooks_at_once)
