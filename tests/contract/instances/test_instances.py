"""What handlers may rely on when they read and write an instance."""

from datetime import UTC, datetime

import msgspec
import pytest

from cloudkit.contracts.errors import Conflict, NotFound, Refused
from cloudkit.contracts.instance import ComputeInstance, Phase
from contract.instances.clusters import Cluster

OURS = "cloudkit.openshift.io/computeinstance"
THEIRS = "example.com/theirs"


async def live(cluster: Cluster, name: str = "vm") -> ComputeInstance:
    found = await cluster.instances.get(cluster.namespace, name)
    assert found is not None
    return found


async def test_an_instance_that_does_not_exist_is_none(cluster: Cluster) -> None:
    assert await cluster.instances.get(cluster.namespace, "nobody") is None


async def test_an_instance_is_read_as_it_was_created(cluster: Cluster) -> None:
    created = await cluster.create("vm", spec={"vcpu": 4}, annotations={"a": "b"}, finalizers=[THEIRS])
    found = await live(cluster)
    assert found == created
    assert found.known_spec().vcpu == 4
    assert found.metadata.annotations["a"] == "b"
    assert found.metadata.finalizers == (THEIRS,)
    assert found.metadata.generation == 1
    assert not found.deleting


async def test_the_status_that_was_written_is_answered_and_read(cluster: Cluster) -> None:
    created = await cluster.create("vm")
    written = await cluster.instances.patch_status(created, {"phase": "Progressing"})
    assert written.status.phase is Phase.PROGRESSING
    assert await live(cluster) == written


async def test_a_status_write_leaves_other_fields_of_the_status_alone(cluster: Cluster) -> None:
    created = await cluster.create("vm")
    first = await cluster.instances.patch_status(
        created, {"phase": "Progressing", "desiredConfigVersion": "7"}
    )
    second = await cluster.instances.patch_status(first, {"phase": "Ready"})
    assert second.status.desired_config_version == "7"


async def test_none_in_a_status_write_removes_the_field(cluster: Cluster) -> None:
    created = await cluster.create("vm")
    first = await cluster.instances.patch_status(created, {"phase": "Failed", "desiredConfigVersion": "7"})
    second = await cluster.instances.patch_status(first, {"desiredConfigVersion": None})
    assert second.status.desired_config_version == ""
    assert second.status.phase is Phase.FAILED


async def test_a_status_write_merges_what_is_nested(cluster: Cluster) -> None:
    created = await cluster.create("vm")
    first = await cluster.instances.patch_status(
        created, {"provisionJob": {"id": "7", "state": "Running", "message": "Job running"}}
    )
    second = await cluster.instances.patch_status(
        first, {"provisionJob": {"state": "Succeeded", "message": None}}
    )
    status = msgspec.json.decode(second.resource)["status"]
    assert status["provisionJob"] == {"id": "7", "state": "Succeeded"}


async def test_a_status_write_may_hold_times_and_words(cluster: Cluster) -> None:
    created = await cluster.create("vm")
    since = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    condition = {
        "type": "Available",
        "status": "True",
        "reason": "Ready",
        "message": "",
        "lastTransitionTime": since,
    }
    written = await cluster.instances.patch_status(created, {"phase": Phase.READY, "conditions": [condition]})
    assert written.status.conditions[0].last_transition_time == since


async def test_a_status_write_without_a_change_keeps_the_version(cluster: Cluster) -> None:
    created = await cluster.create("vm")
    first = await cluster.instances.patch_status(created, {"phase": "Ready"})
    second = await cluster.instances.patch_status(first, {"phase": "Ready"})
    assert second.metadata.resource_version == first.metadata.resource_version


async def test_a_status_write_does_not_change_the_generation(cluster: Cluster) -> None:
    created = await cluster.create("vm")
    written = await cluster.instances.patch_status(created, {"phase": "Ready"})
    assert written.metadata.generation == 1


async def test_a_status_write_conflicts_when_the_instance_changed_meanwhile(cluster: Cluster) -> None:
    created = await cluster.create("vm")
    await cluster.edit("vm", annotations={"somebody": "was faster"})
    with pytest.raises(Conflict):
        await cluster.instances.patch_status(created, {"phase": "Ready"})
    assert (await live(cluster)).status.phase is None


async def test_a_status_write_conflicts_when_the_name_has_another_life(cluster: Cluster) -> None:
    former = await cluster.create("vm")
    await cluster.delete("vm")
    await cluster.create("vm")
    with pytest.raises(Conflict):
        await cluster.instances.patch_status(former, {"phase": "Ready"})


async def test_a_status_write_to_a_removed_instance_says_not_found(cluster: Cluster) -> None:
    former = await cluster.create("vm")
    await cluster.delete("vm")
    with pytest.raises(NotFound):
        await cluster.instances.patch_status(former, {"phase": "Ready"})


async def test_finalizers_are_replaced(cluster: Cluster) -> None:
    created = await cluster.create("vm", finalizers=[THEIRS])
    await cluster.instances.set_finalizers(created, [OURS, THEIRS])
    assert (await live(cluster)).metadata.finalizers == (OURS, THEIRS)
    await cluster.instances.set_finalizers(await live(cluster), [])
    assert (await live(cluster)).metadata.finalizers == ()


async def test_finalizers_are_added_where_there_were_none(cluster: Cluster) -> None:
    created = await cluster.create("vm")
    await cluster.instances.set_finalizers(created, [OURS])
    assert (await live(cluster)).adopted


async def test_a_finalizer_write_conflicts_when_the_instance_changed_meanwhile(cluster: Cluster) -> None:
    created = await cluster.create("vm")
    await cluster.edit("vm", annotations={"somebody": "was faster"})
    with pytest.raises(Conflict):
        await cluster.instances.set_finalizers(created, [OURS])
    assert (await live(cluster)).metadata.finalizers == ()


async def test_a_finalizer_write_conflicts_when_the_name_has_another_life(cluster: Cluster) -> None:
    former = await cluster.create("vm")
    await cluster.delete("vm")
    await cluster.create("vm")
    with pytest.raises(Conflict):
        await cluster.instances.set_finalizers(former, [OURS])


async def test_a_finalizer_write_to_a_removed_instance_says_not_found(cluster: Cluster) -> None:
    former = await cluster.create("vm")
    await cluster.delete("vm")
    with pytest.raises(NotFound):
        await cluster.instances.set_finalizers(former, [OURS])


async def test_a_deleted_instance_stays_until_its_last_finalizer_is_removed(cluster: Cluster) -> None:
    await cluster.create("vm", finalizers=[OURS])
    await cluster.delete("vm")
    deleting = await live(cluster)
    assert deleting.deleting
    await cluster.instances.set_finalizers(deleting, [])
    assert await cluster.instances.get(cluster.namespace, "vm") is None


async def test_a_finalizer_cannot_be_added_to_what_is_being_deleted(cluster: Cluster) -> None:
    await cluster.create("vm", finalizers=[THEIRS])
    await cluster.delete("vm")
    deleting = await live(cluster)
    with pytest.raises(Refused) as refused:
        await cluster.instances.set_finalizers(deleting, [OURS, THEIRS])
    assert not isinstance(refused.value, Conflict | NotFound)
    assert refused.value.status == 422


async def test_only_a_new_spec_makes_a_new_generation(cluster: Cluster) -> None:
    await cluster.create("vm", spec={"vcpu": 2})
    annotated = await cluster.edit("vm", annotations={"a": "b"})
    assert annotated.metadata.generation == 1
    grown = await cluster.edit("vm", spec={"vcpu": 4})
    assert grown.metadata.generation == 2


async def test_a_name_that_is_used_again_has_another_uid(cluster: Cluster) -> None:
    first = await cluster.create("vm")
    await cluster.delete("vm")
    second = await cluster.create("vm")
    assert first.metadata.uid != second.metadata.uid
