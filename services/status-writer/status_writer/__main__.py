"""Build the status-writer, wire it, run it."""

import os

from cloudkit.runtime.again import with_twins
from cloudkit.runtime.delivery import deliver
from cloudkit.runtime.kube import KubeEvents, KubeInstances, connect_kube
from cloudkit.runtime.service import Shell, run_service
from cloudkit.runtime.wiring import open_bus
from status_writer.assembly import assemble
from status_writer.settings import Settings

SERVICE = "status-writer"


async def build(settings: Settings, shell: Shell) -> None:
    kube = await shell.enter(connect_kube(os.environ))
    bus = await shell.enter(open_bus(settings, shell, service=SERVICE))
    writer, subscriptions = assemble(
        settings,
        instances=KubeInstances(kube),
        noticeboard=KubeEvents(kube, shell.clock, service=SERVICE),
        jobs=bus.jobs,
        clock=shell.clock,
    )
    await shell.enter(writer.working())
    for subscription in with_twins(subscriptions):
        shell.spawn(subscription.durable, deliver(bus, subscription, stopping=shell.stopping))


def main() -> None:
    run_service(SERVICE, Settings, build)


if __name__ == "__main__":
    main()
