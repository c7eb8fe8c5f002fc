"""When this replica writes: as long as it holds the Lease, or always where there is none."""

from collections.abc import Mapping

from cloudkit.runtime.kube import KubeClient
from cloudkit.runtime.kube.leases import KubeLease, find_lease
from cloudkit.runtime.leader import Leader, Work, new_identity
from cloudkit.runtime.service import Shell
from status_writer.metrics import LEADER
from status_writer.settings import Settings

LEASE = "cloudkit-status-writer"
"""What the Lease is called unless somebody says otherwise."""


async def take_turns(
    write: Work, *, settings: Settings, environ: Mapping[str, str], kube: KubeClient, shell: Shell
) -> None:
    """Have *write* work in our turns, until the service is told to stop. Raises `Misconfigured`, or what
    *write* raises."""
    name = find_lease(settings.lease, LEASE, environ)
    if name is None:
        LEADER.set(1)
        await write(shell.stopping)
        return
    leader = Leader(
        KubeLease(kube, name),
        me=new_identity(),
        times=settings.lease_times,
        clock=shell.clock,
        health=shell.health,
    )
    LEADER.set_function(lambda: leader.leads)
    await leader.run(write, stopping=shell.stopping)
