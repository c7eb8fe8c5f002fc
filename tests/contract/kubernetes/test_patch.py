"""Merge patch, JSON patch and strategic merge patch."""

import asyncio

import pytest

from contract.kubernetes.client import JSON, JSON_PATCH, NAMESPACES, STRATEGIC_PATCH, Client
from contract.kubernetes.specimens import Specimens


async def test_a_merge_patch_replaces_lists_and_merges_objects(specimens: Specimens, name: str) -> None:
    spec = {"size": "small", "tags": ["a", "b"], "image": {"source": "x", "checksum": "1"}}
    await specimens.create(name, spec)
    after = await specimens.patch(name, {"spec": {"tags": ["c"], "image": {"checksum": "2"}}})
    assert after["spec"]["tags"] == ["c"]
    assert after["spec"]["image"] == {"source": "x", "checksum": "2"}


async def test_null_in_a_merge_patch_removes_the_field(specimens: Specimens, name: str) -> None:
    await specimens.create(name, {"size": "small", "image": {"source": "x"}})
    after = await specimens.patch(name, {"spec": {"image": None, "tags": None}})
    assert after["spec"] == {"size": "small", "cores": 2}


async def test_null_for_a_field_with_a_default_brings_the_default_back(
    specimens: Specimens, name: str
) -> None:
    await specimens.create(name, {"size": "small", "cores": 8})
    assert (await specimens.patch(name, {"spec": {"cores": None}}))["spec"]["cores"] == 2


async def test_null_for_a_required_field_is_422(client: Client, specimens: Specimens, name: str) -> None:
    await specimens.create(name)
    answer = await client.patch(specimens.at(name), {"spec": {"size": None}})
    answer.failure(422, "Invalid")
    assert answer.causes() == {"spec.size": "FieldValueRequired"}


async def test_a_merge_patch_may_replace_an_object_by_a_number_and_back(
    specimens: Specimens, name: str
) -> None:
    await specimens.create(name, {"size": "small", "extra": {"a": {"b": 1}}})
    after = await specimens.patch(name, {"spec": {"extra": {"a": 5}}})
    assert after["spec"]["extra"] == {"a": 5}
    after = await specimens.patch(name, {"spec": {"extra": {"a": {"c": None, "d": 1}}}})
    assert after["spec"]["extra"] == {"a": {"d": 1}}


async def test_a_patch_without_a_change_keeps_the_resource_version(specimens: Specimens, name: str) -> None:
    before = await specimens.create(name)
    assert await specimens.patch(name, {"spec": {"size": "small"}}) == before


async def test_a_patch_with_an_old_resource_version_is_409(
    client: Client, specimens: Specimens, name: str
) -> None:
    old = (await specimens.create(name))["metadata"]["resourceVersion"]
    await specimens.patch(name, {"spec": {"cores": 3}})
    patch = {"metadata": {"resourceVersion": old}, "spec": {"cores": 4}}
    (await client.patch(specimens.at(name), patch)).failure(409, "Conflict")


async def test_a_patch_with_the_uid_of_another_object_is_422(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    patch = {"metadata": {"uid": "00000000-0000-0000-0000-000000000000"}}
    answer = await client.patch(specimens.at(name), patch)
    answer.failure(422, "Invalid")
    assert answer.causes() == {"metadata.uid": "FieldValueInvalid"}


async def test_a_patch_cannot_rename(client: Client, specimens: Specimens, name: str) -> None:
    await specimens.create(name)
    patch = {"metadata": {"name": "other"}}
    (await client.patch(specimens.at(name), patch)).failure(400, "BadRequest")


async def test_patches_of_different_fields_at_the_same_time_all_succeed(
    specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    labels = [f"label-{number}" for number in range(4)]
    patches = [specimens.patch(name, {"metadata": {"labels": {key: "x"}}}) for key in labels]
    await asyncio.gather(*patches)
    assert sorted((await specimens.read(name))["metadata"]["labels"]) == labels


async def test_a_json_patch_applies_its_operations_in_order(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name, {"size": "small", "tags": ["a"]})
    operations = [
        {"op": "test", "path": "/spec/size", "value": "small"},
        {"op": "replace", "path": "/spec/size", "value": "large"},
        {"op": "add", "path": "/spec/tags/-", "value": "b"},
        {"op": "add", "path": "/metadata/labels", "value": {}},
        {"op": "add", "path": "/metadata/labels/example.com~1tier", "value": "gold"},
    ]
    answer = await client.patch(specimens.at(name), operations, content_type=JSON_PATCH)
    after = answer.expect(200)
    assert after["spec"] == {"size": "large", "cores": 2, "tags": ["a", "b"]}
    assert after["metadata"]["labels"] == {"example.com/tier": "gold"}


async def test_a_json_patch_whose_test_fails_is_422_and_changes_nothing(
    client: Client, specimens: Specimens, name: str
) -> None:
    before = await specimens.create(name)
    operations = [
        {"op": "replace", "path": "/spec/cores", "value": 7},
        {"op": "test", "path": "/spec/size", "value": "large"},
    ]
    answer = await client.patch(specimens.at(name), operations, content_type=JSON_PATCH)
    answer.failure(422, "Invalid")
    assert await specimens.read(name) == before


async def test_a_json_patch_that_is_no_list_is_400(client: Client, specimens: Specimens, name: str) -> None:
    await specimens.create(name)
    patch = {"spec": {"cores": 3}}
    answer = await client.patch(specimens.at(name), patch, content_type=JSON_PATCH)
    answer.failure(400, "BadRequest")


@pytest.mark.parametrize("content_type", [JSON, "text/plain"])
async def test_a_patch_with_a_content_type_of_no_patch_is_415(
    client: Client, specimens: Specimens, name: str, content_type: str
) -> None:
    await specimens.create(name)
    patch = {"spec": {"cores": 3}}
    answer = await client.patch(specimens.at(name), patch, content_type=content_type)
    answer.failure(415, "UnsupportedMediaType")


async def test_a_strategic_merge_patch_of_a_custom_object_is_415(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    patch = {"spec": {"cores": 3}}
    answer = await client.patch(specimens.at(name), patch, content_type=STRATEGIC_PATCH)
    error = answer.failure(415, "UnsupportedMediaType")
    assert "application/merge-patch+json" in error["message"]


async def test_a_strategic_merge_patch_of_a_built_in_object_adds_finalizers_to_the_list(
    client: Client, namespace: str, name: str
) -> None:
    path = f"{NAMESPACES}/{namespace}/configmaps"
    metadata = {"name": name, "finalizers": ["example.com/a"]}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    (await client.post(path, body)).expect(201)
    patch = {"metadata": {"finalizers": ["example.com/b"]}}
    answer = await client.patch(f"{path}/{name}", patch, content_type=STRATEGIC_PATCH)
    finalizers = answer.expect(200)["metadata"]["finalizers"]
    (await client.patch(f"{path}/{name}", {"metadata": {"finalizers": None}})).expect(200)
    assert sorted(finalizers) == ["example.com/a", "example.com/b"]
