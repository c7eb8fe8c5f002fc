"""Build the status-writer, wire it, run it."""

import os

from cloudkit.runtime.delivery import deliver
from cloudkit.runtime.kube import KubeInstances, connect_kube
from cloudkit.runtime.service import Shell, run_service
from cloudkit.runtime.wiring import open_bus
from status_writer.handlers import StatusWriter
from status_writer.settings import Settings
from status_writer.subscriptions import intents, job_events

SERVICE = "status-writer"


async def build(settings: Settings, shell: Shell) -> None:
    kube = await shell.enter(connect_kube(os.environ))
    bus = await shell.enter(open_bus(settings, shell, service=SERVICE))
    writer = StatusWriter(
        instances=KubeInstances(kube),
        jobs=bus.jobs,
        clock=shell.clock,
        policy=settings.policy,
        gather=settings.status_gather,
    )
    await shell.enter(writer.lanes.working())
    namespace = settings.compute_instance_namespace
    shell.spawn("intents", deliver(bus, intents(writer, namespace), stopping=shell.stopping))
    shell.spawn("job events", deliver(bus, job_events(writer, namespace), stopping=shell.stopping))


def main() -> None:
    run_service(SERVICE, Settings, build)


if __name__ == "__main__":
    main()
