"""Create, read, replace: what holds for every object."""

import asyncio
import re
from typing import Any

from contract.kubernetes.client import NAMESPACES, Client
from contract.kubernetes.specimens import API_VERSION, Specimens


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


async def test_create_answers_201_and_fills_in_what_only_the_server_knows(
    specimens: Specimens, name: str
) -> None:
    metadata = (await specimens.create(name))["metadata"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["uid"])
    assert metadata["resourceVersion"].isdigit()
    assert metadata["generation"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])


async def test_creating_a_name_twice_is_409_already_exists(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    answer = await client.post(specimens.path, specimens.manifest(name))
    error = answer.failure(409, "AlreadyExists")
    assert error["message"] == f'specimens.conformance.cloudkit.openshift.io "{name}" already exists'


async def test_reading_a_missing_object_is_404_and_names_it(
    client: Client, specimens: Specimens, name: str
) -> None:
    error = (await client.get(specimens.at(name))).failure(404, "NotFound")
    assert error["message"] == f'specimens.conformance.cloudkit.openshift.io "{name}" not found'
    assert error["details"] == {
        "name": name,
        "group": "conformance.cloudkit.openshift.io",
        "kind": "specimens",
    }


async def test_the_core_group_is_left_out_of_error_messages(
    client: Client, namespace: str, name: str
) -> None:
    answer = await client.get(f"{NAMESPACES}/{namespace}/configmaps/{name}")
    error = answer.failure(404, "NotFound")
    assert error["message"] == f'configmaps "{name}" not found'
    assert error["details"] == {"name": name, "kind": "configmaps"}


async def test_generate_name_gets_a_suffix_of_five_characters(client: Client, specimens: Specimens) -> None:
    body = specimens.manifest("", generateName="web-")
    del body["metadata"]["name"]
    created = (await client.post(specimens.path, body)).expect(201)
    assert re.fullmatch(r"web-[a-z0-9]{5}", created["metadata"]["name"])
    assert created["metadata"]["generateName"] == "web-"


async def test_a_name_is_required(client: Client, specimens: Specimens) -> None:
    body = specimens.manifest("")
    del body["metadata"]["name"]
    answer = await client.post(specimens.path, body)
    answer.failure(422, "Invalid")
    assert answer.causes() == {"metadata.name": "FieldValueRequired"}


async def test_a_name_with_capitals_is_422(client: Client, specimens: Specimens) -> None:
    answer = await client.post(specimens.path, specimens.manifest("Capital"))
    answer.failure(422, "Invalid")
    assert answer.causes() == {"metadata.name": "FieldValueInvalid"}


async def test_the_body_must_have_the_kind_of_the_url(
    client: Client, specimens: Specimens, name: str
) -> None:
    body = specimens.manifest(name) | {"kind": "Other"}
    answer = await client.post(specimens.path, body)
    answer.failure(422, "Invalid")
    assert answer.causes() == {"kind": "FieldValueInvalid"}


async def test_the_body_must_not_name_another_namespace(
    client: Client, specimens: Specimens, name: str
) -> None:
    body = specimens.manifest(name, namespace="default")
    error = (await client.post(specimens.path, body)).failure(400, "BadRequest")
    assert "does not match the namespace" in error["message"]


async def test_the_namespace_may_be_left_to_the_url(client: Client, specimens: Specimens, name: str) -> None:
    body = specimens.manifest(name)
    del body["metadata"]["namespace"]
    created = (await client.post(specimens.path, body)).expect(201)
    assert created["metadata"]["namespace"] == specimens.namespace


async def test_creating_in_a_missing_namespace_is_404(client: Client, name: str) -> None:
    missing = Specimens(client, name)
    error = (await client.post(missing.path, missing.manifest("vm"))).failure(404, "NotFound")
    assert error["message"] == f'namespaces "{name}" not found'


async def test_a_resource_version_must_not_be_set_at_create(
    client: Client, specimens: Specimens, name: str
) -> None:
    answer = await client.post(specimens.path, specimens.manifest(name, resourceVersion="5"))
    assert answer.status == 500
    assert "resourceVersion should not be set" in answer.body["message"]


async def test_a_body_that_is_no_json_is_400(client: Client, specimens: Specimens) -> None:
    (await client.post(specimens.path, "{oops")).failure(400, "BadRequest")


async def test_a_body_may_be_yaml(client: Client, specimens: Specimens, name: str) -> None:
    text = f"apiVersion: {API_VERSION}\nkind: Specimen\n"
    text += f"metadata: {{name: {name}}}\nspec: {{size: large}}\n"
    answer = await client.post(specimens.path, text, content_type="application/yaml")
    assert answer.expect(201)["spec"]["size"] == "large"


async def test_put_replaces_the_whole_spec(client: Client, specimens: Specimens, name: str) -> None:
    body = await specimens.create(name, {"size": "small", "image": {"source": "a"}})
    body["spec"] = {"size": "large"}
    replaced = (await client.put(specimens.at(name), body)).expect(200)
    assert replaced["spec"] == {"size": "large", "cores": 2}
    assert int(replaced["metadata"]["resourceVersion"]) > int(body["metadata"]["resourceVersion"])


async def test_put_with_an_old_resource_version_is_409_conflict(
    client: Client, specimens: Specimens, name: str
) -> None:
    old = await specimens.create(name)
    await specimens.patch(name, {"spec": {"cores": 3}})
    error = (await client.put(specimens.at(name), old)).failure(409, "Conflict")
    assert "the object has been modified" in error["message"]
    assert error["details"]["name"] == name
    assert (await specimens.read(name))["spec"]["cores"] == 3


async def test_put_of_a_custom_object_needs_a_resource_version(
    client: Client, specimens: Specimens, name: str
) -> None:
    body = await specimens.create(name)
    del body["metadata"]["resourceVersion"]
    answer = await client.put(specimens.at(name), body)
    answer.failure(422, "Invalid")
    assert answer.causes() == {"metadata.resourceVersion": "FieldValueInvalid"}


async def test_put_of_a_built_in_object_without_resource_version_overwrites(
    client: Client, namespace: str, name: str
) -> None:
    path = f"{NAMESPACES}/{namespace}/configmaps"
    (await client.post(path, config_map(name, a="1"))).expect(201)
    replaced = (await client.put(f"{path}/{name}", config_map(name, b="2"))).expect(200)
    assert replaced["data"] == {"b": "2"}


async def test_put_with_the_uid_of_another_object_is_409(
    client: Client, specimens: Specimens, name: str
) -> None:
    body = await specimens.create(name)
    body["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
    error = (await client.put(specimens.at(name), body)).failure(409, "Conflict")
    assert "UID" in error["message"]


async def test_put_does_not_create_custom_objects(client: Client, specimens: Specimens, name: str) -> None:
    body = specimens.manifest(name, resourceVersion="1")
    (await client.put(specimens.at(name), body)).failure(404, "NotFound")


async def test_put_without_a_change_keeps_the_resource_version(
    client: Client, specimens: Specimens, name: str
) -> None:
    body = await specimens.create(name)
    same = (await client.put(specimens.at(name), body)).expect(200)
    assert same["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"]


async def test_generation_grows_when_the_spec_changes_and_only_then(specimens: Specimens, name: str) -> None:
    await specimens.create(name)
    after_label = await specimens.patch(name, {"metadata": {"labels": {"a": "b"}}})
    after_status = await specimens.patch(name, {"status": {"phase": "Up"}}, "status")
    after_spec = await specimens.patch(name, {"spec": {"cores": 8}})
    bodies = (after_label, after_status, after_spec)
    assert [body["metadata"]["generation"] for body in bodies] == [1, 1, 2]


async def test_clients_cannot_write_generation_or_creation_timestamp(specimens: Specimens, name: str) -> None:
    before = (await specimens.create(name))["metadata"]
    wish = {"generation": 77, "creationTimestamp": "2000-01-01T00:00:00Z"}
    after = (await specimens.patch(name, {"metadata": wish}))["metadata"]
    assert after["generation"] == 1
    assert after["creationTimestamp"] == before["creationTimestamp"]


async def test_of_eight_writers_with_the_same_resource_version_one_wins(
    client: Client, specimens: Specimens, name: str
) -> None:
    body = await specimens.create(name)
    writes = [
        client.put(specimens.at(name), body | {"spec": {"size": "small", "cores": cores}})
        for cores in range(10, 18)
    ]
    answers = await asyncio.gather(*writes)
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7


async def test_resource_versions_grow_across_all_objects(
    specimens: Specimens, name: str, other_name: str
) -> None:
    first = await specimens.create(name)
    second = await specimens.create(other_name)
    third = await specimens.patch(name, {"spec": {"cores": 4}})
    versions = [int(body["metadata"]["resourceVersion"]) for body in (first, second, third)]
    assert versions == sorted(set(versions))


async def test_a_dry_run_create_answers_201_and_stores_nothing(
    client: Client, specimens: Specimens, name: str
) -> None:
    answer = await client.post(specimens.path, specimens.manifest(name), dryRun="All")
    assert answer.expect(201)["spec"]["cores"] == 2
    (await client.get(specimens.at(name))).failure(404, "NotFound")


async def test_string_data_of_a_secret_is_stored_as_base64_data(
    client: Client, namespace: str, name: str
) -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    body["stringData"] = {"password": "b"}
    created = (await client.post(f"{NAMESPACES}/{namespace}/secrets", body)).expect(201)
    assert created["data"] == {"password": "Yg=="}
    assert created["type"] == "Opaque"
    assert "stringData" not in created


async def test_a_new_namespace_is_active_and_labelled_with_its_name(client: Client, namespace: str) -> None:
    body = (await client.get(f"{NAMESPACES}/{namespace}")).expect(200)
    assert body["status"] == {"phase": "Active"}
    assert body["metadata"]["labels"] == {"kubernetes.io/metadata.name": namespace}
