"""Leases, as leader election uses them."""

import asyncio
from typing import Any

from contract.kubernetes.client import Client

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
