"""What every `Lease` does."""

import asyncio
from datetime import UTC, datetime

import pytest

from cloudkit.contracts.errors import Conflict, NotFound
from cloudkit.contracts.instance import decode
from cloudkit.runtime.kube import KubeClient
from cloudkit.runtime.kube.client import MERGE_PATCH, Request
from cloudkit.runtime.kube.leases import KubeLease, LeaseName
from cloudkit.runtime.lease import Lease, LeaseEntry, LeaseTimes, given_up, held_by
from contract.lease.conftest import path_of

TIMES = LeaseTimes()
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OURS = held_by("a", TIMES, None, NOON)
THEIRS = held_by("b", TIMES, OURS, NOON)


async def test_a_lease_that_nobody_made_is_none(lease: Lease) -> None:
    assert await lease.read() is None


async def test_what_is_written_is_what_is_read(lease: Lease) -> None:
    created = await lease.create(OURS)
    assert created.spec == OURS
    assert await lease.read() == created
    changed = await lease.change(created, THEIRS)
    assert changed.spec == THEIRS
    assert await lease.read() == changed


async def test_only_one_of_many_makes_it(lease: Lease) -> None:
    made = await asyncio.gather(
        *(lease.create(held_by(str(one), TIMES, None, NOON)) for one in range(5)), return_exceptions=True
    )
    (entry,) = (one for one in made if isinstance(one, LeaseEntry))
    assert sum(isinstance(one, Conflict) for one in made) == 4
    assert await lease.read() == entry


async def test_only_one_of_many_changes_it(lease: Lease) -> None:
    created = await lease.create(OURS)
    taken = await asyncio.gather(
        *(lease.change(created, held_by(str(one), TIMES, OURS, NOON)) for one in range(5)),
        return_exceptions=True,
    )
    (entry,) = (one for one in taken if isinstance(one, LeaseEntry))
    assert sum(isinstance(one, Conflict) for one in taken) == 4
    assert await lease.read() == entry


async def test_a_lease_that_is_given_up_has_no_holder(lease: Lease) -> None:
    changed = await lease.change(await lease.create(OURS), given_up(OURS, NOON))
    assert changed.spec.holder == ""


async def test_what_is_gone_is_not_changed(client: KubeClient, on_server: KubeLease, name: LeaseName) -> None:
    created = await on_server.create(OURS)
    await client.request(Request(method="DELETE", path=path_of(name)))
    with pytest.raises(NotFound):
        await on_server.change(created, THEIRS)


async def test_what_others_add_stays(client: KubeClient, on_server: KubeLease, name: LeaseName) -> None:
    await on_server.create(OURS)
    labels = {"metadata": {"labels": {"team": "ours"}}}
    labelled = Request(method="PATCH", path=path_of(name), body=labels, content_type=MERGE_PATCH)
    await client.request(labelled)
    entry = await on_server.read()
    assert entry
    await on_server.change(entry, THEIRS)
    resource = decode(await client.request(Request(path=path_of(name))), dict)
    assert resource["metadata"]["labels"] == {"team": "ours"}


async def test_what_kubectl_may_leave_of_it_can_be_read(
    client: KubeClient, on_server: KubeLease, name: LeaseName
) -> None:
    collection = path_of(name).rpartition("/")[0]
    bare = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name.name}}
    await client.request(Request(method="POST", path=collection, body=bare))
    entry = await on_server.read()
    assert entry
    assert entry.spec.holder == ""
    assert (await on_server.change(entry, OURS)).spec == OURS
