"""How old something is, by the clock that has dated it."""

from pathlib import Path

from cloudkit.runtime.kube import connect_kube
from cloudkit.runtime.kube.client import Request
from cloudkit.runtime.kube.instances import collection_path
from contract.bus.messages import OffsetClock
from contract.instances.clusters import ServerCluster


async def test_a_client_whose_own_clock_is_wrong_goes_by_that_of_the_server(
    clusters_on_server: tuple[ServerCluster, ServerCluster], kubeconfig: Path
) -> None:
    cluster, _ = clusters_on_server
    born = (await cluster.create("vm")).metadata.creation_timestamp
    clock = OffsetClock(wall_is_off_by=3600)
    async with connect_kube({"KUBECONFIG": str(kubeconfig)}, clock) as client:
        assert client.server_clock.age(born) > 3000, "nothing was heard yet"
        await client.request(Request(path=collection_path(cluster.namespace)))
        assert client.server_clock.age(born) < 60
