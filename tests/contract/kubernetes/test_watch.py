"""Watches: what a client sees, in which order, and how it resumes."""

import time
from typing import Any

import pytest

from contract.kubernetes.client import TABLE, Client, types
from contract.kubernetes.specimens import API_VERSION, KIND, PLURAL, Specimens


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["object"]["metadata"]["name"] for event in events]


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}])
async def test_a_watch_from_nowhere_starts_with_the_present_objects(
    client: Client, own_specimens: Specimens, query: dict[str, Any]
) -> None:
    await own_specimens.create("a")
    await own_specimens.create("b")
    async with client.watch(own_specimens.path, **query) as watch:
        events = await watch.take(2)
    assert types(events) == ["ADDED", "ADDED"]
    assert sorted(names(events)) == ["a", "b"]


async def test_a_watch_from_the_version_of_a_list_shows_only_what_comes_later(
    client: Client, own_specimens: Specimens
) -> None:
    await own_specimens.create("before")
    version = await own_specimens.resource_version()
    async with client.watch(own_specimens.path, resourceVersion=version) as watch:
        await own_specimens.create("after")
        event = await watch.next()
        assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "after")
        await own_specimens.create("marker")
        assert names([await watch.next()]) == ["marker"]


async def test_a_watch_that_resumes_gets_everything_it_missed_in_order(
    client: Client, own_specimens: Specimens
) -> None:
    version = await own_specimens.resource_version()
    await own_specimens.create("a")
    await own_specimens.patch("a", {"spec": {"cores": 7}})
    await own_specimens.patch("a", {"status": {"phase": "Up"}}, "status")
    (await client.delete(own_specimens.at("a"))).expect(200)
    async with client.watch(own_specimens.path, resourceVersion=version) as watch:
        events = await watch.take(4)
    assert types(events) == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]
    assert [event["object"]["spec"]["cores"] for event in events] == [2, 7, 7, 7]


async def test_a_watch_may_resume_from_the_version_of_any_event(
    client: Client, own_specimens: Specimens
) -> None:
    first = await own_specimens.create("a")
    await own_specimens.create("b")
    version = first["metadata"]["resourceVersion"]
    async with client.watch(own_specimens.path, resourceVersion=version) as watch:
        assert names([await watch.next()]) == ["b"]


async def test_the_versions_of_events_grow(client: Client, own_specimens: Specimens) -> None:
    version = await own_specimens.resource_version()
    for name in ("a", "b", "c"):
        await own_specimens.create(name)
    (await client.delete(own_specimens.at("b"))).expect(200)
    async with client.watch(own_specimens.path, resourceVersion=version) as watch:
        events = await watch.take(4)
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))
    assert versions[0] > int(version)


async def test_a_deleted_event_carries_the_last_state_with_a_new_version(
    client: Client, own_specimens: Specimens
) -> None:
    last = await own_specimens.create("a", {"size": "small", "cores": 5})
    version = last["metadata"]["resourceVersion"]
    (await client.delete(own_specimens.at("a"))).expect(200)
    async with client.watch(own_specimens.path, resourceVersion=version) as watch:
        event = await watch.next()
    assert event["type"] == "DELETED"
    assert event["object"]["spec"] == last["spec"]
    assert int(event["object"]["metadata"]["resourceVersion"]) > int(version)


async def test_a_write_that_changes_nothing_makes_no_event(client: Client, own_specimens: Specimens) -> None:
    version = (await own_specimens.create("a"))["metadata"]["resourceVersion"]
    async with client.watch(own_specimens.path, resourceVersion=version) as watch:
        await own_specimens.patch("a", {"spec": {"size": "small"}})
        await own_specimens.patch("a", {"spec": {"size": "large"}})
        assert (await watch.next())["object"]["spec"]["size"] == "large"


async def test_an_object_with_a_finalizer_is_modified_first_and_deleted_last(
    client: Client, own_specimens: Specimens
) -> None:
    created = await own_specimens.create("a", finalizers=["example.com/hold"])
    version = created["metadata"]["resourceVersion"]
    (await client.delete(own_specimens.at("a"))).expect(200)
    await own_specimens.patch("a", {"metadata": {"finalizers": None}})
    async with client.watch(own_specimens.path, resourceVersion=version) as watch:
        modified, deleted = await watch.take(2)
        await own_specimens.create("marker")
        assert names([await watch.next()]) == ["marker"]
    assert types([modified, deleted]) == ["MODIFIED", "DELETED"]
    assert modified["object"]["metadata"]["deletionTimestamp"]
    # The write that removed the last finalizer is never stored, so the event still shows it.
    assert deleted["object"]["metadata"]["finalizers"] == ["example.com/hold"]


@pytest.mark.parametrize("value", ["true", "True", "1", "yes", ""])
async def test_watch_is_on_for_any_value_but_false_and_0(
    client: Client, own_specimens: Specimens, value: str
) -> None:
    await own_specimens.create("a")
    async with client.watch(own_specimens.path, watch=value) as watch:
        assert (await watch.next())["type"] == "ADDED"


@pytest.mark.parametrize("value", ["false", "False", "0"])
async def test_watch_false_or_0_is_a_list(client: Client, specimens: Specimens, value: str) -> None:
    assert (await specimens.list(watch=value))["kind"] == "SpecimenList"


async def test_timeout_seconds_ends_the_watch_cleanly(client: Client, own_specimens: Specimens) -> None:
    start = time.monotonic()
    async with client.watch(own_specimens.path, timeoutSeconds="1") as watch:
        assert await watch.rest() == []
    assert 0.9 < time.monotonic() - start < 3


async def test_a_label_selector_turns_changes_into_added_and_deleted(
    client: Client, own_specimens: Specimens
) -> None:
    version = (await own_specimens.create("a"))["metadata"]["resourceVersion"]
    await own_specimens.patch("a", {"metadata": {"labels": {"tier": "gold"}}})
    await own_specimens.patch("a", {"spec": {"cores": 5}})
    left = await own_specimens.patch("a", {"metadata": {"labels": {"tier": "tin"}}})
    await own_specimens.patch("a", {"spec": {"cores": 6}})
    query = {"labelSelector": "tier=gold", "resourceVersion": version}
    async with client.watch(own_specimens.path, **query) as watch:
        events = await watch.take(3)
        await own_specimens.create("marker", labels={"tier": "gold"})
        assert names([await watch.next()]) == ["marker"]
    assert types(events) == ["ADDED", "MODIFIED", "DELETED"]
    last = events[2]["object"]["metadata"]
    assert last["resourceVersion"] == left["metadata"]["resourceVersion"]
    assert last["labels"] == {"tier": "gold"}


async def test_a_field_selector_turns_changes_into_added_and_deleted(
    client: Client, own_specimens: Specimens
) -> None:
    version = (await own_specimens.create("a"))["metadata"]["resourceVersion"]
    await own_specimens.patch("a", {"spec": {"size": "large"}})
    await own_specimens.patch("a", {"spec": {"size": "medium"}})
    query = {"fieldSelector": "spec.size=large", "resourceVersion": version}
    async with client.watch(own_specimens.path, **query) as watch:
        assert types(await watch.take(2)) == ["ADDED", "DELETED"]


async def test_one_object_is_watched_with_a_field_selector(client: Client, own_specimens: Specimens) -> None:
    await own_specimens.create("a")
    await own_specimens.create("b")
    async with client.watch(own_specimens.path, fieldSelector="metadata.name=b") as watch:
        assert names([await watch.next()]) == ["b"]
        await own_specimens.patch("a", {"spec": {"cores": 5}})
        await own_specimens.patch("b", {"spec": {"cores": 6}})
        assert names([await watch.next()]) == ["b"]


async def test_a_watch_without_namespace_sees_all_namespaces(
    client: Client, own_specimens: Specimens, specimens: Specimens, name: str
) -> None:
    version = await own_specimens.resource_version()
    await own_specimens.create(name)
    await specimens.create(name)
    path = f"/apis/{API_VERSION}/{PLURAL}"
    query = {"resourceVersion": version, "fieldSelector": f"metadata.name={name}"}
    async with client.watch(path, **query) as watch:
        events = await watch.take(2)
    seen = [event["object"]["metadata"]["namespace"] for event in events]
    assert seen == [own_specimens.namespace, specimens.namespace]


async def test_a_version_that_is_too_old_is_an_error_event_with_code_410(
    client: Client, own_specimens: Specimens
) -> None:
    async with client.watch(own_specimens.path, resourceVersion="1") as watch:
        [event] = await watch.rest()
    assert event["type"] == "ERROR"
    error = event["object"]
    assert (error["kind"], error["status"]) == ("Status", "Failure")
    assert (error["code"], error["reason"]) == (410, "Expired")
    assert error["message"].startswith("too old resource version: 1 (")


async def test_a_watch_with_bookmarks_gets_one_before_it_times_out(
    client: Client, own_specimens: Specimens
) -> None:
    version = (await own_specimens.create("a"))["metadata"]["resourceVersion"]
    query = {"allowWatchBookmarks": "true", "timeoutSeconds": "4", "resourceVersion": version}
    async with client.watch(own_specimens.path, **query) as watch:
        events = await watch.rest()
    assert set(types(events)) == {"BOOKMARK"}
    bookmark = events[-1]["object"]
    assert (bookmark["kind"], bookmark["apiVersion"]) == (KIND, API_VERSION)
    assert int(bookmark["metadata"]["resourceVersion"]) >= int(version)


async def test_initial_events_end_with_a_marked_bookmark(client: Client, own_specimens: Specimens) -> None:
    await own_specimens.create("a")
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    async with client.watch(own_specimens.path, **query) as watch:
        added, bookmark = await watch.take(2)
        await own_specimens.create("b")
        later = await watch.next()
    assert types([added, bookmark, later]) == ["ADDED", "BOOKMARK", "ADDED"]
    metadata = bookmark["object"]["metadata"]
    assert metadata["annotations"]["k8s.io/initial-events-end"] == "true"
    version = added["object"]["metadata"]["resourceVersion"]
    assert int(metadata["resourceVersion"]) >= int(version)


async def test_a_watch_may_ask_for_tables(client: Client, own_specimens: Specimens) -> None:
    await own_specimens.create("a")
    await own_specimens.create("b")
    async with client.watch(own_specimens.path, accept=TABLE) as watch:
        first, second = await watch.take(2)
    assert first["object"]["kind"] == "Table"
    assert first["object"]["columnDefinitions"][0]["name"] == "Name"
    assert not second["object"]["columnDefinitions"], "only the first event has the columns"
    cells = [event["object"]["rows"][0]["cells"][0] for event in (first, second)]
    assert sorted(cells) == ["a", "b"]
