"""Server-side apply: each manager owns the fields it sent."""

from typing import Any

from contract.kubernetes.client import APPLY_PATCH, Client
from contract.kubernetes.specimens import API_VERSION, Specimens, condition


def owners(body: dict[str, Any]) -> set[tuple[str, str]]:
    """(manager, operation) of every managedFields entry."""
    return {(entry["manager"], entry["operation"]) for entry in body["metadata"]["managedFields"]}


def fields_of(manager: str, body: dict[str, Any]) -> Any:
    [entry] = [entry for entry in body["metadata"]["managedFields"] if entry["manager"] == manager]
    return entry["fieldsV1"]


async def test_apply_creates_a_missing_object_with_201(
    client: Client, specimens: Specimens, name: str
) -> None:
    answer = await client.apply(specimens.at(name), specimens.manifest(name), "alice")
    [entry] = answer.expect(201)["metadata"]["managedFields"]
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "manager": "alice",
        "operation": "Apply",
        "apiVersion": "conformance.cloudkit.openshift.io/v1alpha1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:size": {}}},
    }


async def test_apply_needs_a_field_manager(client: Client, specimens: Specimens, name: str) -> None:
    body = specimens.manifest(name)
    answer = await client.patch(specimens.at(name), body, content_type=APPLY_PATCH)
    answer.failure(422, "Invalid")
    assert answer.causes() == {"fieldManager": "FieldValueRequired"}


async def test_apply_accepts_yaml(client: Client, specimens: Specimens, name: str) -> None:
    text = "apiVersion: conformance.cloudkit.openshift.io/v1alpha1\nkind: Specimen\n"
    text += f"metadata: {{name: {name}}}\nspec:\n  size: large\n"
    answer = await client.apply(specimens.at(name), text, "alice")
    assert answer.expect(201)["spec"]["size"] == "large"


async def test_applying_the_same_again_changes_nothing(
    client: Client, specimens: Specimens, name: str
) -> None:
    body = specimens.manifest(name)
    first = (await client.apply(specimens.at(name), body, "alice")).expect(201)
    second = (await client.apply(specimens.at(name), body, "alice")).expect(200)
    assert second == first


async def test_a_field_that_its_only_owner_no_longer_sends_is_removed(
    client: Client, specimens: Specimens, name: str
) -> None:
    both = specimens.manifest(name, {"size": "small", "image": {"source": "x"}})
    (await client.apply(specimens.at(name), both, "alice")).expect(201)
    answer = await client.apply(specimens.at(name), specimens.manifest(name), "alice")
    assert "image" not in answer.expect(200)["spec"]


async def test_another_value_for_an_owned_field_is_409_and_names_owner_and_field(
    client: Client, specimens: Specimens, name: str
) -> None:
    (await client.apply(specimens.at(name), specimens.manifest(name), "alice")).expect(201)
    body = specimens.manifest(name, {"size": "large"})
    error = (await client.apply(specimens.at(name), body, "bob")).failure(409, "Conflict")
    assert error["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "alice"',
            "field": ".spec.size",
        }
    ]
    assert error["message"] == 'Apply failed with 1 conflict: conflict with "alice": .spec.size'


async def test_force_takes_the_field_over(client: Client, specimens: Specimens, name: str) -> None:
    first = specimens.manifest(name, {"size": "small", "cores": 4})
    (await client.apply(specimens.at(name), first, "alice")).expect(201)
    body = specimens.manifest(name, {"size": "large"})
    answer = await client.apply(specimens.at(name), body, "bob", force="true")
    after = answer.expect(200)
    assert after["spec"] == {"size": "large", "cores": 4}
    assert fields_of("alice", after) == {"f:spec": {"f:cores": {}}}
    assert fields_of("bob", after) == {"f:spec": {"f:size": {}}}


async def test_the_same_value_is_owned_together_and_no_conflict(
    client: Client, specimens: Specimens, name: str
) -> None:
    body = specimens.manifest(name)
    (await client.apply(specimens.at(name), body, "alice")).expect(201)
    after = (await client.apply(specimens.at(name), body, "bob")).expect(200)
    assert owners(after) == {("alice", "Apply"), ("bob", "Apply")}


async def test_a_field_of_two_owners_stays_when_one_drops_it(
    client: Client, specimens: Specimens, name: str
) -> None:
    body = specimens.manifest(name, {"size": "small", "image": {"source": "x"}})
    (await client.apply(specimens.at(name), body, "alice")).expect(201)
    (await client.apply(specimens.at(name), body, "bob")).expect(200)
    answer = await client.apply(specimens.at(name), specimens.manifest(name), "alice")
    assert answer.expect(200)["spec"]["image"] == {"source": "x"}


async def test_fields_written_by_a_patch_conflict_with_apply(
    client: Client, specimens: Specimens, name: str
) -> None:
    (await client.apply(specimens.at(name), specimens.manifest(name), "alice")).expect(201)
    patch = {"spec": {"cores": 9}}
    (await client.patch(specimens.at(name), patch, fieldManager="scaler")).expect(200)
    body = specimens.manifest(name, {"size": "small", "cores": 4})
    error = (await client.apply(specimens.at(name), body, "alice")).failure(409, "Conflict")
    assert 'conflict with "scaler"' in error["message"]


async def test_every_write_is_recorded_even_before_the_first_apply(
    client: Client, specimens: Specimens, name: str
) -> None:
    answer = await client.post(specimens.path, specimens.manifest(name), fieldManager="alice")
    answer.expect(201)
    after = (await client.apply(specimens.at(name), specimens.manifest(name), "bob")).expect(200)
    assert owners(after) == {("alice", "Update"), ("bob", "Apply")}
    assert fields_of("alice", after) == {"f:spec": {".": {}, "f:cores": {}, "f:size": {}}}


async def test_the_user_agent_names_the_manager_where_the_client_does_not(
    client: Client, specimens: Specimens, name: str
) -> None:
    body, headers = specimens.manifest(name), {"User-Agent": "my-controller/1.2 (x)"}
    (await client.post(specimens.path, body, headers=headers)).expect(201)
    after = (await client.apply(specimens.at(name), body, "bob")).expect(200)
    assert owners(after) == {("my-controller", "Update"), ("bob", "Apply")}


async def test_a_status_write_is_recorded_with_its_subresource(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    path, patch = specimens.at(name, "status"), {"status": {"phase": "Up"}}
    (await client.patch(path, patch, fieldManager="ctl")).expect(200)
    after = (await client.apply(specimens.at(name), specimens.manifest(name), "bob")).expect(200)
    [entry] = [e for e in after["metadata"]["managedFields"] if e["manager"] == "ctl"]
    assert entry["subresource"] == "status"
    assert entry["fieldsV1"] == {"f:status": {".": {}, "f:phase": {}}}


async def test_a_field_belongs_to_whoever_changed_it_last_before_the_first_apply(
    client: Client, specimens: Specimens, name: str
) -> None:
    path = specimens.at(name)
    await specimens.create(name)
    for manager, cores in (("early", 3), ("late", 4)):
        (await client.patch(path, {"spec": {"cores": cores}}, fieldManager=manager)).expect(200)
    body = specimens.manifest(name, {"size": "small", "cores": 9})
    error = (await client.apply(path, body, "bob")).failure(409, "Conflict")
    [cause] = error["details"]["causes"]
    assert (cause["message"], cause["field"]) == (f'conflict with "late" using {API_VERSION}', ".spec.cores")


async def test_conditions_of_two_managers_are_merged_by_type(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    body = specimens.manifest(name)
    del body["spec"]
    path = specimens.at(name, "status")
    ready = body | {"status": {"conditions": [condition("Ready", "True")]}}
    synced = body | {"status": {"conditions": [condition("Synced", "False")]}}
    (await client.apply(path, ready, "alice")).expect(200)
    after = (await client.apply(path, synced, "bob")).expect(200)
    assert after["status"]["conditions"] == [
        condition("Ready", "True"),
        condition("Synced", "False"),
    ]


async def test_a_condition_that_its_owner_drops_is_removed_and_the_others_stay(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    body = specimens.manifest(name)
    del body["spec"]
    path = specimens.at(name, "status")
    both = {"conditions": [condition("Ready", "True"), condition("Synced", "True")]}
    (await client.apply(path, body | {"status": both}, "alice")).expect(200)
    one = {"conditions": [condition("Synced", "True")]}
    after = (await client.apply(path, body | {"status": one}, "alice")).expect(200)
    assert after["status"] == one


async def test_apply_to_the_object_ignores_status(client: Client, specimens: Specimens, name: str) -> None:
    body = specimens.manifest(name) | {"status": {"phase": "Hacked"}}
    assert "status" not in (await client.apply(specimens.at(name), body, "alice")).expect(201)


async def test_apply_to_the_status_of_a_missing_object_is_404(
    client: Client, specimens: Specimens, name: str
) -> None:
    body = specimens.manifest(name) | {"status": {"phase": "Up"}}
    answer = await client.apply(specimens.at(name, "status"), body, "alice")
    answer.failure(404, "NotFound")


async def test_apply_with_an_old_resource_version_is_409(
    client: Client, specimens: Specimens, name: str
) -> None:
    old = (await specimens.create(name))["metadata"]["resourceVersion"]
    await specimens.patch(name, {"spec": {"cores": 3}})
    body = specimens.manifest(name, {"size": "small"}, resourceVersion=old)
    (await client.apply(specimens.at(name), body, "alice")).failure(409, "Conflict")


async def test_managed_fields_must_not_be_applied(client: Client, specimens: Specimens, name: str) -> None:
    created = (await client.apply(specimens.at(name), specimens.manifest(name), "alice")).expect(201)
    (await client.apply(specimens.at(name), created, "alice")).failure(400, "BadRequest")


async def test_finalizers_of_two_managers_add_up(client: Client, specimens: Specimens, name: str) -> None:
    path = specimens.at(name)
    one = specimens.manifest(name, finalizers=["example.com/a"])
    two = specimens.manifest(name, finalizers=["example.com/b"])
    (await client.apply(path, one, "alice")).expect(201)
    after = (await client.apply(path, two, "bob")).expect(200)
    assert after["metadata"]["finalizers"] == ["example.com/a", "example.com/b"]
