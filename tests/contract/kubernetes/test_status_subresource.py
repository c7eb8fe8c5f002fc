"""/status: the controller's half of an object, kept apart from the user's half."""

from contract.kubernetes.client import JSON_PATCH, NAMESPACES, Client
from contract.kubernetes.specimens import Specimens, condition


async def test_status_is_dropped_at_create(client: Client, specimens: Specimens, name: str) -> None:
    body = specimens.manifest(name) | {"status": {"phase": "Up"}}
    created = (await client.post(specimens.path, body)).expect(201)
    assert "status" not in created


async def test_put_to_the_object_ignores_status(client: Client, specimens: Specimens, name: str) -> None:
    await specimens.create(name)
    body = await specimens.patch(name, {"status": {"phase": "Up"}}, "status")
    body["status"] = {"phase": "Hacked"}
    body["spec"]["cores"] = 5
    replaced = (await client.put(specimens.at(name), body)).expect(200)
    assert replaced["status"] == {"phase": "Up"}
    assert replaced["spec"]["cores"] == 5


async def test_a_patch_of_the_object_ignores_status(specimens: Specimens, name: str) -> None:
    before = await specimens.create(name)
    after = await specimens.patch(name, {"status": {"phase": "Hacked"}})
    assert after == before


async def test_put_to_status_changes_the_status_and_nothing_else(
    client: Client, specimens: Specimens, name: str
) -> None:
    body = await specimens.create(name)
    body["status"] = {"phase": "Up"}
    body["spec"]["size"] = "large"
    body["metadata"]["labels"] = {"a": "b"}
    replaced = (await client.put(specimens.at(name, "status"), body)).expect(200)
    assert replaced["status"] == {"phase": "Up"}
    assert replaced["spec"]["size"] == "small"
    assert "labels" not in replaced["metadata"]


async def test_a_patch_of_status_changes_the_status_and_nothing_else(specimens: Specimens, name: str) -> None:
    await specimens.create(name)
    patch = {
        "metadata": {"labels": {"a": "b"}, "annotations": {"a": "b"}, "finalizers": ["a/b"]},
        "spec": {"size": "large"},
        "status": {"phase": "Up"},
    }
    after = await specimens.patch(name, patch, "status")
    assert after["status"] == {"phase": "Up"}
    assert after["spec"]["size"] == "small"
    assert after["metadata"].keys().isdisjoint({"labels", "annotations", "finalizers"})


async def test_a_status_write_gives_a_new_resource_version_but_keeps_the_generation(
    specimens: Specimens, name: str
) -> None:
    before = (await specimens.create(name))["metadata"]
    after = (await specimens.patch(name, {"status": {"phase": "Up"}}, "status"))["metadata"]
    assert int(after["resourceVersion"]) > int(before["resourceVersion"])
    assert after["generation"] == before["generation"]


async def test_a_status_patch_without_a_change_keeps_the_resource_version(
    specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    first = await specimens.patch(name, {"status": {"phase": "Up"}}, "status")
    second = await specimens.patch(name, {"status": {"phase": "Up"}}, "status")
    assert second == first


async def test_a_status_patch_with_an_old_resource_version_is_409(
    client: Client, specimens: Specimens, name: str
) -> None:
    old = await specimens.create(name)
    await specimens.patch(name, {"spec": {"cores": 3}})
    version = old["metadata"]["resourceVersion"]
    patch = {"metadata": {"resourceVersion": version}, "status": {"phase": "Up"}}
    (await client.patch(specimens.at(name, "status"), patch)).failure(409, "Conflict")


async def test_get_of_status_returns_the_whole_object(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    body = await specimens.patch(name, {"status": {"phase": "Up"}}, "status")
    assert (await client.get(specimens.at(name, "status"))).expect(200) == body


async def test_status_is_checked_against_the_schema(client: Client, specimens: Specimens, name: str) -> None:
    await specimens.create(name)
    answer = await client.patch(specimens.at(name, "status"), {"status": {"phase": 5}})
    answer.failure(422, "Invalid")
    assert answer.causes() == {"status.phase": "FieldValueTypeInvalid"}


async def test_a_merge_patch_of_conditions_replaces_them_all(specimens: Specimens, name: str) -> None:
    await specimens.create(name)
    two = [condition("Ready", "True"), condition("Synced", "True")]
    await specimens.patch(name, {"status": {"conditions": two}}, "status")
    one = [condition("Ready", "False")]
    after = await specimens.patch(name, {"status": {"conditions": one}}, "status")
    assert after["status"]["conditions"] == one


async def test_a_json_patch_below_a_missing_status_is_422(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    operations = [{"op": "add", "path": "/status/phase", "value": "Up"}]
    path = specimens.at(name, "status")
    (await client.patch(path, operations, content_type=JSON_PATCH)).failure(422, "Invalid")


async def test_status_may_be_written_while_the_object_is_being_deleted(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name, finalizers=["example.com/hold"])
    (await client.delete(specimens.at(name))).expect(200)
    after = await specimens.patch(name, {"status": {"phase": "Deleting"}}, "status")
    assert after["status"] == {"phase": "Deleting"}
    assert after["metadata"]["deletionTimestamp"]


async def test_a_resource_without_status_has_no_status_path(
    client: Client, namespace: str, name: str
) -> None:
    path = f"{NAMESPACES}/{namespace}/configmaps"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    (await client.post(path, body)).expect(201)
    (await client.get(f"{path}/{name}/status")).expect(404)
