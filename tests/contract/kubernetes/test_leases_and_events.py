"""Leases, as leader election uses them, and Events in both API groups."""

import asyncio
from typing import Any

from contract.kubernetes.client import NAMESPACES, STRATEGIC_PATCH, Client

TIME = "2026-01-02T03:04:05.678901Z"


def leases(namespace: str) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


def lease(name: str, holder: str, **spec: object) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, **spec},
    }


def core_events(namespace: str) -> str:
    return f"{NAMESPACES}/{namespace}/events"


def new_events(namespace: str) -> str:
    return f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"


def event(namespace: str, about: str, **more: object) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{about}."},
        "involvedObject": {"kind": "Specimen", "name": about, "namespace": namespace},
        "reason": "Started",
        "message": "The machine has started.",
        "type": "Normal",
        **more,
    }


async def test_of_two_candidates_that_create_the_lease_one_wins(
    client: Client, namespace: str, name: str
) -> None:
    path = leases(namespace)
    first, second = await asyncio.gather(
        client.post(path, lease(name, "a")), client.post(path, lease(name, "b"))
    )
    assert sorted([first.status, second.status]) == [201, 409]
    loser = first if first.status == 409 else second
    loser.failure(409, "AlreadyExists")


async def test_the_holder_renews_with_put_and_keeps_microseconds(
    client: Client, namespace: str, name: str
) -> None:
    body = (await client.post(leases(namespace), lease(name, "a"))).expect(201)
    body["spec"]["renewTime"] = TIME
    renewed = (await client.put(f"{leases(namespace)}/{name}", body)).expect(200)
    assert renewed["spec"]["renewTime"] == TIME
    assert renewed["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]


async def test_of_two_candidates_that_take_over_a_lease_one_wins(
    client: Client, namespace: str, name: str
) -> None:
    body = (await client.post(leases(namespace), lease(name, "gone"))).expect(201)
    path = f"{leases(namespace)}/{name}"
    first, second = await asyncio.gather(
        client.put(path, body | {"spec": lease(name, "a")["spec"]}),
        client.put(path, body | {"spec": lease(name, "b")["spec"]}),
    )
    assert sorted([first.status, second.status]) == [200, 409]
    winner = first if first.status == 200 else second
    holder = (await client.get(path)).expect(200)["spec"]["holderIdentity"]
    assert holder == winner.body["spec"]["holderIdentity"]


async def test_a_lease_is_given_up_by_clearing_the_holder(client: Client, namespace: str, name: str) -> None:
    body = (await client.post(leases(namespace), lease(name, "a"))).expect(201)
    body["spec"] = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": TIME}
    answer = await client.put(f"{leases(namespace)}/{name}", body)
    assert answer.expect(200)["spec"]["holderIdentity"] == ""


async def test_a_lease_of_no_seconds_is_422(client: Client, namespace: str, name: str) -> None:
    answer = await client.post(leases(namespace), lease(name, "a", leaseDurationSeconds=0))
    answer.failure(422, "Invalid")
    assert answer.causes() == {"spec.leaseDurationSeconds": "FieldValueInvalid"}


async def test_a_core_event_is_created_and_counted_up_with_a_patch(
    client: Client, namespace: str, name: str
) -> None:
    path = core_events(namespace)
    created = (await client.post(path, event(namespace, name, count=1))).expect(201)
    patch = {"count": 2, "lastTimestamp": "2026-01-02T03:04:05Z"}
    target = f"{path}/{created['metadata']['name']}"
    answer = await client.patch(target, patch, content_type=STRATEGIC_PATCH)
    assert answer.expect(200)["count"] == 2


async def test_a_core_event_must_be_in_the_namespace_of_its_object(
    client: Client, namespace: str, name: str
) -> None:
    answer = await client.post(core_events(namespace), event("default", name))
    answer.failure(422, "Invalid")
    assert answer.causes() == {"involvedObject.namespace": "FieldValueInvalid"}


async def test_a_core_event_shows_in_the_new_group_under_other_names(
    client: Client, namespace: str, name: str
) -> None:
    body = event(namespace, name, count=3, source={"component": "ctl"})
    created = (await client.post(core_events(namespace), body)).expect(201)
    path = f"{new_events(namespace)}/{created['metadata']['name']}"
    seen = (await client.get(path)).expect(200)
    assert seen["apiVersion"] == "events.k8s.io/v1"
    assert seen["regarding"]["name"] == name
    assert seen["note"] == "The machine has started."
    assert seen["deprecatedCount"] == 3
    assert seen["deprecatedSource"] == {"component": "ctl"}
    assert seen["metadata"]["uid"] == created["metadata"]["uid"]


async def test_a_new_event_shows_in_the_core_group_under_other_names(
    client: Client, namespace: str, name: str
) -> None:
    body = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name},
        "regarding": {"kind": "Specimen", "name": name, "namespace": namespace},
        "reason": "Started",
        "note": "The machine has started.",
        "type": "Normal",
        "action": "Start",
        "eventTime": TIME,
        "reportingController": "example.com/ctl",
        "reportingInstance": "ctl-1",
    }
    (await client.post(new_events(namespace), body)).expect(201)
    seen = (await client.get(f"{core_events(namespace)}/{name}")).expect(200)
    assert seen["involvedObject"]["name"] == name
    assert seen["message"] == "The machine has started."
    assert seen["reportingComponent"] == "example.com/ctl"
    assert seen["eventTime"] == TIME


async def test_a_new_event_needs_an_event_time(client: Client, namespace: str, name: str) -> None:
    body = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name},
        "regarding": {"kind": "Specimen", "name": name, "namespace": namespace},
        "reason": "Started",
        "type": "Normal",
    }
    answer = await client.post(new_events(namespace), body)
    answer.failure(422, "Invalid")
    assert answer.causes() == {"eventTime": "FieldValueRequired"}


async def test_events_are_found_by_the_object_they_are_about(
    client: Client, namespace: str, name: str, other_name: str
) -> None:
    for about in (name, other_name):
        (await client.post(core_events(namespace), event(namespace, about))).expect(201)
    selector = f"involvedObject.name={name},involvedObject.kind=Specimen,type=Normal"
    answer = await client.get(core_events(namespace), fieldSelector=selector)
    items = answer.expect(200)["items"]
    assert [item["involvedObject"]["name"] for item in items] == [name]
