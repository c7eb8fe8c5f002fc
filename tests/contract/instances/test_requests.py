"""What the real ports lean on in the answers of an API server."""

import pytest

from cloudkit.contracts.errors import Conflict, NotFound, Refused
from cloudkit.contracts.instance import ComputeInstance, decode
from cloudkit.runtime.kube.client import JSON_PATCH, MERGE_PATCH, Request
from cloudkit.runtime.kube.instances import collection_path
from cloudkit.runtime.kube.watching import Page, Versioned, WatchEvent
from contract.instances.clusters import Served

SECONDS = 1


async def listed(served: Served) -> Page:
    return decode(await served.client.request(Request(path=collection_path(served.namespace))), Page)


async def watched(served: Served, version: str) -> list[WatchEvent]:
    """All that a watch from *version* tells until its time is over."""
    query = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": version,
        "timeoutSeconds": str(SECONDS),
    }
    async with served.client.lines(Request(path=collection_path(served.namespace), query=query)) as lines:
        return [decode(line, WatchEvent) async for line in lines]


async def test_a_watch_tells_what_came_after_its_version_and_ends_with_a_bookmark(served: Served) -> None:
    first = await served.create("vm")
    page = await listed(served)
    await served.edit("vm", annotations={"a": "b"})
    await served.create("another")
    await served.delete("vm")

    events = await watched(served, page.metadata.resource_version)

    assert int(page.metadata.resource_version) >= int(first.metadata.resource_version)
    assert [event.type for event in events[:3]] == ["MODIFIED", "ADDED", "DELETED"]
    assert {event.type for event in events[3:]} == {"BOOKMARK"}
    versions = [int(decode(event.object, Versioned).metadata.resource_version) for event in events]
    assert versions == sorted(versions)


async def test_a_json_patch_whose_test_fails_is_invalid_and_no_conflict(served: Served) -> None:
    created = await served.create("vm")
    await served.edit("vm", annotations={"somebody": "was faster"})
    with pytest.raises(Refused) as refused:
        await served.client.request(finalizers_of(created))
    assert not isinstance(refused.value, Conflict)
    assert (refused.value.status, refused.value.reason) == (422, "Invalid")


async def test_a_merge_patch_of_another_version_is_a_conflict(served: Served) -> None:
    created = await served.create("vm")
    await served.edit("vm", annotations={"somebody": "was faster"})
    with pytest.raises(Conflict) as refused:
        await served.client.request(status_of(created))
    assert (refused.value.status, refused.value.reason) == (409, "Conflict")


async def test_a_patch_of_nothing_is_not_found(served: Served) -> None:
    created = await served.create("vm")
    await served.delete("vm")
    for request in (finalizers_of(created), status_of(created)):
        with pytest.raises(NotFound) as refused:
            await served.client.request(request)
        assert (refused.value.status, refused.value.reason) == (404, "NotFound")


def finalizers_of(instance: ComputeInstance) -> Request:
    body = [
        {"op": "test", "path": "/metadata/uid", "value": instance.metadata.uid},
        {"op": "test", "path": "/metadata/resourceVersion", "value": instance.metadata.resource_version},
        {"op": "add", "path": "/metadata/finalizers", "value": ["example.com/ours"]},
    ]
    path = f"{collection_path(instance.ref.namespace)}/{instance.ref.name}"
    return Request(method="PATCH", path=path, body=body, content_type=JSON_PATCH)


def status_of(instance: ComputeInstance) -> Request:
    unchanged = {"uid": instance.metadata.uid, "resourceVersion": instance.metadata.resource_version}
    body = {"metadata": unchanged, "status": {"phase": "Ready"}}
    path = f"{collection_path(instance.ref.namespace)}/{instance.ref.name}/status"
    return Request(method="PATCH", path=path, body=body, content_type=MERGE_PATCH)
