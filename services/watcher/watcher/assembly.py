"""How the parts of the watcher hold each other, whatever bus, Kubernetes and clock they are given.

`watcher.__main__` gives them the real ones, the simulation its own: what is proved there runs here.
"""

from random import Random

from cloudkit.runtime.health import Health
from cloudkit.runtime.kube import KubeFeed, KubeInstances
from cloudkit.runtime.kube.client import KubeClient
from cloudkit.runtime.ports import Clock, Intents
from watcher.handlers import Watcher
from watcher.settings import Settings


def assemble(
    settings: Settings, *, kube: KubeClient, intents: Intents, clock: Clock, health: Health, random: Random
) -> tuple[KubeFeed, Watcher]:
    """What is heard, and who attends to it, once its lanes work; nothing runs yet."""
    namespace = settings.compute_instance_namespace
    feed = KubeFeed(kube, health=health, clock=clock, random=random, namespace=namespace)
    watcher = Watcher(
        instances=KubeInstances(kube),
        intents=intents,
        clock=clock,
        age_of=kube.server_clock.age,
        policy=settings.policy,
        namespace=namespace,
    )
    return feed, watcher
