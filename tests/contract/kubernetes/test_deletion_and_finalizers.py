"""Deletion: finalizers, preconditions, owners and namespaces."""

from typing import Any

from contract.kubernetes.client import NAMESPACES, Client
from contract.kubernetes.specimens import Specimens

HOLD = "example.com/hold"


def config_map(name: str, **metadata: object) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


def owner(body: dict[str, Any], **more: object) -> dict[str, Any]:
    """An ownerReference to ``body``."""
    return {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "name": body["metadata"]["name"],
        "uid": body["metadata"]["uid"],
        **more,
    }


def is_being_deleted(body: dict[str, Any]) -> bool:
    return "deletionTimestamp" in body["metadata"]


async def test_delete_answers_200_with_a_status_that_names_the_object(
    client: Client, specimens: Specimens, name: str
) -> None:
    created = await specimens.create(name)
    assert (await client.delete(specimens.at(name))).expect(200) == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {
            "name": name,
            "group": "conformance.cloudkit.openshift.io",
            "kind": "specimens",
            "uid": created["metadata"]["uid"],
        },
    }
    (await client.get(specimens.at(name))).failure(404, "NotFound")


async def test_deleting_a_missing_object_is_404(client: Client, specimens: Specimens, name: str) -> None:
    (await client.delete(specimens.at(name))).failure(404, "NotFound")


async def test_a_name_may_be_used_again_and_gets_another_uid(
    client: Client, specimens: Specimens, name: str
) -> None:
    first = await specimens.create(name)
    (await client.delete(specimens.at(name))).expect(200)
    second = await specimens.create(name)
    assert second["metadata"]["uid"] != first["metadata"]["uid"]


async def test_an_object_with_a_finalizer_is_only_marked(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name, finalizers=[HOLD])
    answered = (await client.delete(specimens.at(name))).expect(200)
    metadata = answered["metadata"]
    assert answered["kind"] == "Specimen"
    assert len(metadata["deletionTimestamp"]) == len("2026-01-01T00:00:00Z")
    assert metadata["deletionGracePeriodSeconds"] == 0
    assert metadata["finalizers"] == [HOLD]
    assert await specimens.read(name) == answered


async def test_marking_for_deletion_counts_as_a_new_generation(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name, finalizers=[HOLD])
    answered = (await client.delete(specimens.at(name))).expect(200)
    assert answered["metadata"]["generation"] == 2


async def test_deleting_again_changes_nothing(client: Client, specimens: Specimens, name: str) -> None:
    await specimens.create(name, finalizers=[HOLD])
    first = (await client.delete(specimens.at(name))).expect(200)
    assert (await client.delete(specimens.at(name))).expect(200) == first


async def test_the_object_goes_when_its_last_finalizer_goes(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name, finalizers=[HOLD, "example.com/other"])
    (await client.delete(specimens.at(name))).expect(200)
    await specimens.patch(name, {"metadata": {"finalizers": [HOLD]}})
    await specimens.read(name)
    last = await specimens.patch(name, {"metadata": {"finalizers": []}})
    assert "finalizers" not in last["metadata"]
    (await client.get(specimens.at(name))).failure(404, "NotFound")


async def test_no_finalizer_may_be_added_while_the_object_is_being_deleted(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name, finalizers=[HOLD])
    (await client.delete(specimens.at(name))).expect(200)
    patch = {"metadata": {"finalizers": [HOLD, "example.com/late"]}}
    answer = await client.patch(specimens.at(name), patch)
    answer.failure(422, "Invalid")
    assert answer.causes() == {"metadata.finalizers": "FieldValueForbidden"}


async def test_the_spec_may_still_change_while_the_object_is_being_deleted(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name, finalizers=[HOLD])
    (await client.delete(specimens.at(name))).expect(200)
    after = await specimens.patch(name, {"spec": {"cores": 6}})
    assert after["spec"]["cores"] == 6
    assert after["metadata"]["generation"] == 3


async def test_a_name_is_taken_until_the_deletion_is_complete(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name, finalizers=[HOLD])
    (await client.delete(specimens.at(name))).expect(200)
    answer = await client.post(specimens.path, specimens.manifest(name))
    error = answer.failure(409, "AlreadyExists")
    assert error["message"].startswith("object is being deleted")


async def test_clients_cannot_set_or_clear_the_deletion_timestamp(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name, finalizers=[HOLD])
    patch = {"metadata": {"deletionTimestamp": "2000-01-01T00:00:00Z"}}
    answer = await client.patch(specimens.at(name), patch)
    answer.failure(422, "Invalid")
    assert answer.causes() == {"metadata.deletionTimestamp": "FieldValueInvalid"}
    marked = (await client.delete(specimens.at(name))).expect(200)
    assert await specimens.patch(name, {"metadata": {"deletionTimestamp": None}}) == marked


async def test_delete_with_the_wrong_uid_is_409(client: Client, specimens: Specimens, name: str) -> None:
    await specimens.create(name)
    options = {"preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}
    error = (await client.delete(specimens.at(name), options)).failure(409, "Conflict")
    assert "the UID in the precondition" in error["message"]


async def test_delete_with_an_old_resource_version_is_409(
    client: Client, specimens: Specimens, name: str
) -> None:
    old = (await specimens.create(name))["metadata"]["resourceVersion"]
    await specimens.patch(name, {"spec": {"cores": 3}})
    options = {"preconditions": {"resourceVersion": old}}
    (await client.delete(specimens.at(name), options)).failure(409, "Conflict")
    await specimens.read(name)


async def test_a_dry_run_delete_deletes_nothing(client: Client, specimens: Specimens, name: str) -> None:
    await specimens.create(name)
    (await client.delete(specimens.at(name), dryRun="All")).expect(200)
    await specimens.read(name)


async def test_a_collection_is_deleted_as_far_as_the_selector_matches(
    client: Client, own_specimens: Specimens
) -> None:
    await own_specimens.create("a", labels={"tier": "gold"})
    await own_specimens.create("b")
    answer = await client.delete(own_specimens.path, labelSelector="tier=gold")
    deleted = answer.expect(200)
    assert deleted["kind"] == "SpecimenList"
    assert [item["metadata"]["name"] for item in deleted["items"]] == ["a"]
    assert await own_specimens.names() == ["b"]


async def test_foreground_deletion_marks_the_object_with_a_finalizer(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name, finalizers=[HOLD])
    answer = await client.delete(specimens.at(name), {"propagationPolicy": "Foreground"})
    metadata = answer.expect(200)["metadata"]
    assert metadata["deletionTimestamp"]
    assert sorted(metadata["finalizers"]) == [HOLD, "foregroundDeletion"]


async def test_what_an_object_owns_is_deleted_after_it(
    client: Client, specimens: Specimens, namespace: str, name: str
) -> None:
    path = f"{NAMESPACES}/{namespace}/configmaps"
    parent = await specimens.create(name)
    (await client.post(path, config_map(name, ownerReferences=[owner(parent)]))).expect(201)
    (await client.delete(specimens.at(name), {"propagationPolicy": "Background"})).expect(200)
    await client.gone(f"{path}/{name}")


async def test_orphans_stay_and_lose_their_owner_reference(
    client: Client, namespace: str, name: str, other_name: str
) -> None:
    path = f"{NAMESPACES}/{namespace}/configmaps"
    parent = (await client.post(path, config_map(name))).expect(201)
    child = config_map(other_name, ownerReferences=[owner(parent)])
    (await client.post(path, child)).expect(201)
    (await client.delete(f"{path}/{name}", {"propagationPolicy": "Orphan"})).expect(200)
    await client.gone(f"{path}/{name}")
    body = (await client.get(f"{path}/{other_name}")).expect(200)
    assert "ownerReferences" not in body["metadata"]


async def test_foreground_deletion_waits_for_dependents_that_block_it(
    client: Client, namespace: str, name: str, other_name: str
) -> None:
    path = f"{NAMESPACES}/{namespace}/configmaps"
    parent = (await client.post(path, config_map(name))).expect(201)
    references = [owner(parent, blockOwnerDeletion=True)]
    child = config_map(other_name, ownerReferences=references, finalizers=[HOLD])
    (await client.post(path, child)).expect(201)
    (await client.delete(f"{path}/{name}", {"propagationPolicy": "Foreground"})).expect(200)
    await client.until(f"{path}/{other_name}", is_being_deleted)
    assert is_being_deleted((await client.get(f"{path}/{name}")).expect(200))
    (await client.patch(f"{path}/{other_name}", {"metadata": {"finalizers": None}})).expect(200)
    await client.gone(f"{path}/{name}")


async def test_a_namespace_takes_nothing_new_while_it_is_being_deleted(
    client: Client, own_specimens: Specimens
) -> None:
    await own_specimens.create("held", finalizers=[HOLD])
    path = f"{NAMESPACES}/{own_specimens.namespace}"
    body = (await client.delete(path)).expect(200)
    assert body["status"]["phase"] == "Terminating"
    answer = await client.post(own_specimens.path, own_specimens.manifest("late"))
    error = answer.failure(403, "Forbidden")
    assert error["details"]["causes"][0]["reason"] == "NamespaceTerminating"


async def test_a_namespace_goes_with_everything_in_it_but_waits_for_finalizers(
    client: Client, own_specimens: Specimens
) -> None:
    await own_specimens.create("plain")
    await own_specimens.create("held", finalizers=[HOLD])
    path = f"{NAMESPACES}/{own_specimens.namespace}"
    (await client.delete(path)).expect(200)
    await client.gone(own_specimens.at("plain"))
    held = await own_specimens.read("held")
    assert held["metadata"]["deletionTimestamp"]
    (await client.get(path)).expect(200)
    await own_specimens.patch("held", {"metadata": {"finalizers": None}})
    await client.gone(path)
