"""Build the watcher, wire it, run it."""

import os
from random import SystemRandom

from cloudkit.runtime.kube import KubeFeed, KubeInstances, connect_kube
from cloudkit.runtime.kube.watching import PART
from cloudkit.runtime.service import Shell, run_service
from cloudkit.runtime.wiring import open_bus
from watcher.handlers import Watcher
from watcher.settings import Settings
from watcher.subscriptions import listen

SERVICE = "watcher"


async def build(settings: Settings, shell: Shell) -> None:
    shell.health.down(PART, "the instances were not listed yet")
    kube = await shell.enter(connect_kube(os.environ))
    bus = await shell.enter(open_bus(settings, shell, service=SERVICE))
    namespace = settings.compute_instance_namespace
    feed = KubeFeed(kube, health=shell.health, clock=shell.clock, random=SystemRandom(), namespace=namespace)
    watcher = Watcher(
        instances=KubeInstances(kube),
        intents=bus.intents,
        clock=shell.clock,
        policy=settings.policy,
        namespace=namespace,
    )
    await shell.enter(watcher.lanes.working())
    shell.spawn("listen", listen(feed, watcher, stopping=shell.stopping))


def main() -> None:
    run_service(SERVICE, Settings, build)


if __name__ == "__main__":
    main()
