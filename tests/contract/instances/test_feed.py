"""What the watcher may rely on when it listens to a feed."""

from cloudkit.runtime.kube import Changed, Gone, Listed, Listing
from contract.instances.audience import listening_to, names_in
from contract.instances.clusters import Cluster


async def test_a_feed_begins_with_what_exists(cluster: Cluster) -> None:
    await cluster.create("one")
    await cluster.create("two")
    async with listening_to(cluster.feed()) as audience:
        listed = await audience.until(Listed)
    assert names_in(listed) == {"one", "two"}
    assert audience.told[0] == Listing()


async def test_a_feed_of_nothing_begins_with_an_empty_list(cluster: Cluster) -> None:
    async with listening_to(cluster.feed()) as audience:
        assert (await audience.until(Listed)).seen == ()


async def test_a_feed_tells_of_creation_change_and_removal(cluster: Cluster) -> None:
    async with listening_to(cluster.feed()) as audience:
        await audience.until(Listed)
        created = await cluster.create("vm", spec={"vcpu": 2})
        edited = await cluster.edit("vm", spec={"vcpu": 4})
        await cluster.delete("vm")
        gone = await audience.until_gone("vm")
    changes = [event.seen.instance for event in audience.told if isinstance(event, Changed)]
    assert changes == [created, edited]
    assert gone.seen.instance.metadata.uid == created.metadata.uid


async def test_a_deletion_that_waits_for_finalizers_is_a_change(cluster: Cluster) -> None:
    await cluster.create("vm", finalizers=["example.com/wait"])
    async with listening_to(cluster.feed()) as audience:
        await audience.until(Listed)
        await cluster.delete("vm")
        changed = await audience.until_changed("vm")
    assert changed.seen.instance.deleting
    assert not any(isinstance(event, Gone) for event in audience.told)


async def test_a_feed_tells_of_status_writes(cluster: Cluster) -> None:
    created = await cluster.create("vm")
    async with listening_to(cluster.feed()) as audience:
        await audience.until(Listed)
        written = await cluster.instances.patch_status(created, {"phase": "Ready"})
        changed = await audience.until_changed("vm")
    assert changed.seen.instance == written


async def test_a_feed_carries_the_fields_that_we_do_not_know(cluster: Cluster) -> None:
    await cluster.create("vm", annotations={"unknown.example.com/field": "kept"})
    async with listening_to(cluster.feed()) as audience:
        listed = await audience.until(Listed)
    assert b"unknown.example.com/field" in bytes(listed.seen[0].raw)


async def test_two_feeds_tell_the_same(cluster: Cluster) -> None:
    async with listening_to(cluster.feed()) as one, listening_to(cluster.feed()) as other:
        await one.until(Listed)
        await other.until(Listed)
        await cluster.create("vm")
        assert await one.until_changed("vm") == await other.until_changed("vm")


async def test_a_feed_of_one_namespace_tells_nothing_of_others(cluster: Cluster, neighbour: Cluster) -> None:
    await neighbour.create("before")
    async with listening_to(cluster.feed()) as audience:
        assert (await audience.until(Listed)).seen == ()
        await neighbour.create("later")
        await neighbour.delete("before")
        await cluster.create("vm")
        await audience.until_changed("vm")
    changes = [event for event in audience.told if isinstance(event, Changed | Gone)]
    assert [change.seen.instance.metadata.name for change in changes] == ["vm"]
