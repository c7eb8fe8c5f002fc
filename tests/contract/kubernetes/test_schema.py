"""What the CRD's schema does to an object: defaults, pruning and field errors."""

from typing import Any

import pytest

from contract.kubernetes.client import CRDS, Client
from contract.kubernetes.specimens import Specimens

ENUM = "FieldValueNotSupported"
INVALID = "FieldValueInvalid"
REQUIRED = "FieldValueRequired"
WRONG_TYPE = "FieldValueTypeInvalid"


async def test_defaults_are_filled_in(specimens: Specimens, name: str) -> None:
    assert (await specimens.create(name))["spec"] == {"size": "small", "cores": 2}


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        ({"size": "huge"}, {"spec.size": ENUM}),
        ({}, {"spec.size": REQUIRED}),
        ({"size": "small", "cores": 0}, {"spec.cores": INVALID}),
        ({"size": "small", "cores": "many"}, {"spec.cores": WRONG_TYPE}),
        ({"size": "small", "cores": 1.5}, {"spec.cores": WRONG_TYPE}),
        ({"size": "small", "startAt": "tomorrow"}, {"spec.startAt": WRONG_TYPE}),
        ({"size": "small", "tags": ["a", 1]}, {"spec.tags[1]": WRONG_TYPE}),
        ({"size": "small", "image": {"source": 1}}, {"spec.image.source": WRONG_TYPE}),
    ],
)
async def test_a_value_against_the_schema_is_422_and_the_cause_names_the_field(
    client: Client, specimens: Specimens, name: str, spec: dict[str, Any], causes: dict[str, Any]
) -> None:
    answer = await client.post(specimens.path, specimens.manifest(name, spec))
    error = answer.failure(422, "Invalid")
    assert answer.causes() == causes
    assert error["message"].startswith(f'Specimen.conformance.cloudkit.openshift.io "{name}" is invalid')
    assert error["details"]["kind"] == "Specimen"


async def test_all_field_errors_are_reported_at_once(client: Client, specimens: Specimens, name: str) -> None:
    spec = {"size": "huge", "cores": 0}
    answer = await client.post(specimens.path, specimens.manifest(name, spec))
    answer.failure(422, "Invalid")
    assert answer.causes() == {"spec.size": ENUM, "spec.cores": INVALID}


async def test_a_missing_spec_is_422(client: Client, specimens: Specimens, name: str) -> None:
    body = specimens.manifest(name)
    del body["spec"]
    answer = await client.post(specimens.path, body)
    answer.failure(422, "Invalid")
    assert answer.causes() == {"spec": REQUIRED}


async def test_a_time_with_offset_is_accepted_and_kept_as_it_was_sent(
    specimens: Specimens, name: str
) -> None:
    start = "2026-01-02T03:04:05.678+01:00"
    created = await specimens.create(name, {"size": "small", "startAt": start})
    assert created["spec"]["startAt"] == start


async def test_unknown_fields_are_dropped_with_a_warning(
    client: Client, specimens: Specimens, name: str
) -> None:
    body = specimens.manifest(name, {"size": "small", "junk": 1})
    answer = await client.post(specimens.path, body, fieldValidation="Warn")
    assert "junk" not in answer.expect(201)["spec"]
    assert answer.warnings == ('299 - "unknown field \\"spec.junk\\""',)


async def test_unknown_fields_are_400_when_validation_is_strict(
    client: Client, specimens: Specimens, name: str
) -> None:
    body = specimens.manifest(name, {"size": "small", "junk": 1})
    answer = await client.post(specimens.path, body, fieldValidation="Strict")
    error = answer.failure(400, "BadRequest")
    assert 'strict decoding error: unknown field "spec.junk"' in error["message"]


async def test_unknown_fields_below_a_preserving_field_are_kept(specimens: Specimens, name: str) -> None:
    extra = {"any": {"thing": [1, None, "x"]}}
    created = await specimens.create(name, {"size": "small", "extra": extra})
    assert created["spec"]["extra"] == extra


async def test_two_conditions_of_the_same_type_are_422(
    client: Client, specimens: Specimens, name: str
) -> None:
    await specimens.create(name)
    twice = [{"type": "Ready", "status": "True"}, {"type": "Ready", "status": "False"}]
    patch = {"status": {"conditions": twice}}
    answer = await client.patch(specimens.at(name, "status"), patch)
    answer.failure(422, "Invalid")
    assert answer.causes() == {"status.conditions[1]": "FieldValueDuplicate"}


async def test_a_new_crd_is_established_and_served_and_goes_with_its_objects(
    client: Client, namespace: str, crd: dict[str, Any]
) -> None:
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    version = crd["spec"]["versions"][0]
    version = {"name": "v1", "served": True, "storage": True, "schema": version["schema"]}
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.conformance.example.com"},
        "spec": {
            "group": "conformance.example.com",
            "scope": "Namespaced",
            "names": names,
            "versions": [version],
        },
    }
    widgets = f"/apis/conformance.example.com/v1/namespaces/{namespace}/widgets"
    (await client.post(CRDS, body)).expect(201)
    await client.served(widgets)
    path = f"{CRDS}/widgets.conformance.example.com"
    status = (await client.get(path)).expect(200)["status"]
    conditions = {each["type"]: each["status"] for each in status["conditions"]}
    assert conditions["NamesAccepted"] == conditions["Established"] == "True"
    assert status["acceptedNames"] == names
    assert status["storedVersions"] == ["v1"]
    (await client.delete(path)).expect(200)
    await client.gone(path)
    (await client.get(widgets)).expect(404)


async def test_a_crd_must_be_named_after_plural_and_group(client: Client, crd: dict[str, Any]) -> None:
    metadata = {"name": "wrong.conformance.cloudkit.openshift.io"}
    answer = await client.post(CRDS, crd | {"metadata": metadata})
    answer.failure(422, "Invalid")
    assert "metadata.name" in answer.causes()
