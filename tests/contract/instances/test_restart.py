"""The feed across a restart of the API server, whose versions then begin anew."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.health import Health
from cloudkit.runtime.kube import KubeClient, KubeFeed, connect_kube
from contract.instances.audience import listening_to
from contract.instances.clusters import ServerCluster
from contract.kubernetes.stand_in import running_stand_in


@asynccontextmanager
async def opened(client: KubeClient) -> AsyncIterator[ServerCluster]:
    cluster = ServerCluster(client)
    await cluster.open()
    yield cluster


async def test_a_feed_survives_a_restart_and_hears_of_what_exists_then(tmp_path: Path) -> None:
    with running_stand_in(tmp_path) as first:
        kubeconfig = first.kubeconfig
        async with connect_kube({"KUBECONFIG": str(kubeconfig)}) as client:
            feed = KubeFeed(client, health=Health(), clock=SystemClock(), random=Random(1))
            async with listening_to(feed) as audience, opened(client) as cluster:
                await audience.until_listed()
                await cluster.create("before")
                await audience.until_changed("before")
                first.end()
                with running_stand_in(tmp_path) as second:
                    assert second.url == first.url
                    # A user of its own: connections to the first server may break in the middle of a request.
                    async with connect_kube({"KUBECONFIG": str(kubeconfig)}) as user, opened(user) as anew:
                        await anew.create("after")
                        await audience.until_listed("after")
                        await anew.create("later")
                        await audience.until_changed("later")
