"""Build the watcher, wire it, run it."""

import os
from random import SystemRandom

from cloudkit.runtime.kube import connect_kube
from cloudkit.runtime.kube.watching import PART
from cloudkit.runtime.service import Shell, run_service
from cloudkit.runtime.wiring import open_bus
from watcher.assembly import assemble
from watcher.settings import Settings
from watcher.subscriptions import listen

SERVICE = "watcher"


async def build(settings: Settings, shell: Shell) -> None:
    shell.health.down(PART, "the instances were not listed yet")
    kube = await shell.enter(connect_kube(os.environ))
    bus = await shell.enter(open_bus(settings, shell, service=SERVICE))
    feed, watcher = assemble(
        settings,
        kube=kube,
        intents=bus.intents,
        clock=shell.clock,
        health=shell.health,
        random=SystemRandom(),
    )
    await shell.enter(watcher.lanes.working())
    shell.spawn("listen", listen(feed, watcher, stopping=shell.stopping))


def main() -> None:
    run_service(SERVICE, Settings, build)


if __name__ == "__main__":
    main()
