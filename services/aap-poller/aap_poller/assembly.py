"""How the parts of aap-poller hold each other, whatever bus, AAP and clock they are given.

`aap_poller.__main__` gives them the real ones, the simulation its own: what is proved there runs here.
"""

from dataclasses import dataclass
from typing import Any

from aap_poller.aap_time import AapTime
from aap_poller.claiming import Claiming
from aap_poller.controller import Controller
from aap_poller.following import Following
from aap_poller.handlers import Handlers
from aap_poller.launching import Launching
from aap_poller.limiter import Limiter
from aap_poller.lost_log import LostLog
from aap_poller.presence import Presence
from aap_poller.records import Records
from aap_poller.recovery import Recovery
from aap_poller.search import Search
from aap_poller.settings import Settings
from aap_poller.slots import Slots
from aap_poller.stopping import Stopping
from aap_poller.subscriptions import subscriptions
from aap_poller.sweep import Sweep
from aap_poller.templates import Templates
from cloudkit.runtime.delivery import BatchSubscription, Subscription
from cloudkit.runtime.health import Health
from cloudkit.runtime.ports import Clock, Intents, JobLog


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What aap-poller reaches the world through. Questions to ``aap`` wait for ``limiter`` by themselves."""

    jobs: JobLog
    intents: Intents
    aap: Controller
    limiter: Limiter
    clock: Clock
    health: Health
    aap_time: AapTime | None = None


@dataclass(frozen=True)
class Poller:
    """What runs: a delivery for each subscription, and the sweep."""

    subscriptions: tuple[Subscription[Any] | BatchSubscription[Any], ...]
    sweep: Sweep


def assemble(settings: Settings, around: Surroundings, presence: Presence) -> Poller:
    """Wire everything together; nothing runs yet."""
    log, aap, clock = around.jobs, around.aap, around.clock
    templates = Templates(aap, clock, settings.templates, settings.organization)
    records = Records(log, aap, clock, aap_time=around.aap_time)
    stopping = Stopping(log, aap, records, clock)
    recovery = Recovery(
        log=log,
        intents=around.intents,
        clock=clock,
        records=records,
        templates=templates,
        search=Search(aap),
        lost_answer_timeout=settings.lost_answer_timeout,
    )
    launching = Launching(
        log=log,
        intents=around.intents,
        clock=clock,
        records=records,
        presence=presence,
        templates=templates,
        lost_log=LostLog(log, aap, records, templates, settings.lost_answer_timeout),
        stopping=stopping,
        claiming=Claiming(log, aap, clock, records, templates, recovery, presence, settings.payload),
        slots=Slots(settings.concurrent_launches, around.limiter),
        cancel_grace=settings.cancel_grace,
        eda_patience=settings.eda_patience,
    )
    following = Following(log, around.intents, aap, records, stopping, settings.status_poll_interval)
    handlers = Handlers(around.intents, clock, launching, following)
    return Poller(
        subscriptions(handlers, recovery, following, launches=launching.slots.most),
        Sweep(log, aap, clock, records, templates, presence, around.health, settings.sweep_interval),
    )
