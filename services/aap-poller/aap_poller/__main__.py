"""Run aap-poller."""

from aap_poller.aap_time import AapTime
from aap_poller.assembly import Surroundings, assemble
from aap_poller.connections import open_aap
from aap_poller.limiter import Limiter
from aap_poller.presence import Presence
from aap_poller.settings import Settings
from cloudkit.runtime.again import with_twins
from cloudkit.runtime.delivery import deliver
from cloudkit.runtime.service import Shell, run_service
from cloudkit.runtime.wiring import open_bus


async def build(settings: Settings, shell: Shell) -> None:
    """Connect, wire everything together and start the loops."""
    presence = Presence(shell.health, shell.clock)
    limiter = Limiter(shell.clock, settings.requests_per_second)
    aap_time = AapTime(shell.clock)
    aap = await shell.enter(open_aap(settings, shell.clock, presence, limiter, aap_time))
    bus = await shell.enter(open_bus(settings, shell, service="aap-poller"))
    around = Surroundings(
        jobs=bus.jobs,
        intents=bus.intents,
        aap=aap,
        limiter=limiter,
        clock=shell.clock,
        health=shell.health,
        aap_time=aap_time,
    )
    poller = assemble(settings, around, presence)
    for subscription in with_twins(poller.subscriptions):
        shell.spawn(subscription.durable, deliver(bus, subscription, stopping=shell.stopping))
    shell.spawn("sweep", poller.sweep.run(shell.stopping))


def main() -> None:
    run_service("aap-poller", Settings, build)


if __name__ == "__main__":
    main()
