"""Build the status-writer, wire it, run it."""

import asyncio
import os

from cloudkit.runtime.again import with_twins
from cloudkit.runtime.delivery import deliver
from cloudkit.runtime.kube import KubeEvents, KubeInstances, connect_kube
from cloudkit.runtime.service import Shell, run_service
from cloudkit.runtime.together import all_of
from cloudkit.runtime.wiring import open_bus
from status_writer.assembly import assemble
from status_writer.settings import Settings
from status_writer.turns import take_turns

SERVICE = "status-writer"


async def build(settings: Settings, shell: Shell) -> None:
    kube = await shell.enter(connect_kube(os.environ))
    bus = await shell.enter(open_bus(settings, shell, service=SERVICE))

    async def write(over: asyncio.Event) -> None:
        """What we know is out of date when our turn comes again: each turn has a writer of its own."""
        writer, subscriptions = assemble(
            settings,
            instances=KubeInstances(kube),
            noticeboard=KubeEvents(kube, shell.clock, service=SERVICE),
            jobs=bus.jobs,
            clock=shell.clock,
        )
        async with writer.working():
            everything = with_twins(subscriptions)
            await all_of(*(deliver(bus, subscription, stopping=over) for subscription in everything))

    turns = take_turns(write, settings=settings, environ=os.environ, kube=kube, shell=shell)
    shell.spawn("turns", turns)


def main() -> None:
    run_service(SERVICE, Settings, build)


if __name__ == "__main__":
    main()
