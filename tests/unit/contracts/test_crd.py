"""The CRD and the code say the same: names, types, words and what is required."""

from datetime import UTC, datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import jsonschema_rs
import msgspec
import pytest
import yaml

from cloudkit.contracts import instance as contract
from cloudkit.contracts.instance import (
    ComputeInstanceSpec,
    ComputeInstanceStatus,
    Condition,
    JobSummary,
    Launch,
    Phase,
)
from cloudkit.contracts.jobs import JobKind, JobRecord, JobState, JobType, Provider
from sandbox.kube import crd_path

CRD = yaml.safe_load(crd_path().read_text())["spec"]
[VERSION] = CRD["versions"]
ROOT = VERSION["schema"]["openAPIV3Schema"]
SPEC, STATUS = ROOT["properties"]["spec"], ROOT["properties"]["status"]

ONLY_IN_THE_LOG = {"claimant", "template", "launchedFrom", "strayID"}
OBJECTS = {
    "spec": (SPEC, ComputeInstanceSpec),
    "status": (STATUS, ComputeInstanceStatus),
    "status.jobs[]": (STATUS["properties"]["jobs"]["items"], JobRecord),
    "status.provisionJob": (STATUS["properties"]["provisionJob"], JobSummary),
    "status.deprovisionJob": (STATUS["properties"]["deprovisionJob"], JobSummary),
    "status.launch": (STATUS["properties"]["launch"], Launch),
    "status.conditions[]": (STATUS["properties"]["conditions"]["items"], Condition),
}
KUBERNETES_WORDS: dict[type, dict[str, set[str]]] = {Condition: {"status": {"True", "False", "Unknown"}}}
over_objects = pytest.mark.parametrize(("schema", "struct"), OBJECTS.values(), ids=OBJECTS)

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JOB = JobRecord(
    type=JobType.PROVISION,
    state=JobState.SUCCEEDED,
    timestamp=MOMENT,
    block_deletion_on_failure=True,
    number=1,
    revision=5,
    attempt=2,
    provider=Provider.AAP,
    job_id="77",
    kind=JobKind.WORKFLOW_JOB,
    config_version="v1",
    retry_requested_at="now",
    reason="Succeeded",
    message="Job completed successfully",
    started_at=MOMENT,
    finished_at=MOMENT,
)
SUMMARY = JobSummary(id="77", state=JobState.SUCCEEDED, message="done", block_deletion_on_failure=True)
FULL = ComputeInstanceStatus(
    phase=Phase.READY,
    jobs=(JOB,),
    provision_job=SUMMARY,
    deprovision_job=SUMMARY,
    launch=Launch(number=2, revision=4, reason="TemplateNotFound", message="no such template"),
    desired_config_version="v1",
    reconciled_config_version="v1",
    observed_generation=3,
    conditions=(Condition(type="Provisioned", status="True", last_transition_time=MOMENT),),
)
WRITTEN_BY_ANOTHER_CONTROLLER = {
    "jobID": "eda-webhook-1",
    "type": "provision",
    "timestamp": "2026-01-02T03:04:05Z",
    "state": "Unknown",
    "message": "Webhook sent",
    "blockDeletionOnFailure": False,
}


def test_the_crd_names_the_resource_as_the_code_does() -> None:
    names = (CRD["group"], VERSION["name"], CRD["names"]["kind"], CRD["names"]["plural"])
    assert names == (contract.GROUP, contract.VERSION, contract.KIND, contract.PLURAL)


@over_objects
def test_the_crd_has_the_fields_of_the_code(schema: dict[str, Any], struct: type[msgspec.Struct]) -> None:
    expected = {name: _json_type(type_) for name, type_ in _fields(struct).items()}
    found = {name: (known["type"], known.get("format")) for name, known in schema["properties"].items()}
    assert {
        name: kind if kind[0] == "string" else (kind[0], None) for name, kind in found.items()
    } == expected


@over_objects
def test_the_crd_knows_the_words_of_the_code(schema: dict[str, Any], struct: type[msgspec.Struct]) -> None:
    words = {name: set(type_) for name, type_ in _fields(struct).items() if issubclass(type_, StrEnum)}
    found = {name: set(known["enum"]) for name, known in schema["properties"].items() if "enum" in known}
    assert found == words | KUBERNETES_WORDS.get(struct, {})


@over_objects
def test_the_crd_requires_what_the_code_cannot_read_without(
    schema: dict[str, Any], struct: type[msgspec.Struct]
) -> None:
    required = {field.encode_name for field in msgspec.structs.fields(struct) if field.required}
    assert set(schema.get("required", ())) == required


@over_objects
def test_every_field_is_described_for_kubectl_explain(
    schema: dict[str, Any], struct: type[msgspec.Struct]
) -> None:
    assert [
        name for name, described in schema["properties"].items() if not described.get("description")
    ] == []


def test_fields_of_others_are_kept() -> None:
    assert SPEC["x-kubernetes-preserve-unknown-fields"]
    assert STATUS["x-kubernetes-preserve-unknown-fields"]


def test_a_status_with_everything_in_it_is_valid() -> None:
    assert _problems({"spec": {}, "status": msgspec.to_builtins(FULL)}) == []


def test_a_job_that_another_controller_wrote_is_valid_and_readable() -> None:
    status = {"jobs": [WRITTEN_BY_ANOTHER_CONTROLLER]}
    assert _problems({"spec": {}, "status": status}) == []
    [job] = msgspec.convert(status, ComputeInstanceStatus).jobs
    assert (job.number, job.job_id) == (0, "eda-webhook-1")


MISTAKES = {
    "a resource without spec": ({}, '"spec" is a required property'),
    "no virtual CPU at all": ({"spec": {"vcpu": 0}}, "0 is less than the minimum of 1"),
    "memory with a unit": ({"spec": {"memory": "4Gi"}}, '"4Gi" is not of type "integer"'),
    "a phase that nobody knows": (
        {"spec": {}, "status": {"phase": "Up"}},
        '"Up" is not one of "Progressing", "Ready" or 2 other candidates',
    ),
}


@pytest.mark.parametrize(("body", "problem"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_refused(body: dict[str, Any], problem: str) -> None:
    assert _problems(body) == [problem]


def _problems(body: dict[str, Any]) -> list[str]:
    validator = jsonschema_rs.Draft7Validator(ROOT, validate_formats=True)
    return [error.message for error in validator.iter_errors(body)]


def _fields(struct: type[msgspec.Struct]) -> dict[str, type]:
    """The fields that the resource shows, by their names in JSON; None stands for a missing field."""
    return {
        field.encode_name: _without_none(field.type)
        for field in msgspec.structs.fields(struct)
        if field.encode_name not in ONLY_IN_THE_LOG
    }


def _without_none(type_: Any) -> type:
    """Neither None nor what else a value must be."""
    if get_origin(type_) is Annotated:
        return _without_none(get_args(type_)[0])
    if get_origin(type_) in (Union, UnionType):
        [inner] = [part for part in get_args(type_) if part is not NoneType]
        return _without_none(inner)
    [inner] = [part for part in get_args(type_) if part is not NoneType and part is not ...] or [type_]
    return tuple if get_origin(type_) is tuple else inner


def _json_type(type_: type) -> tuple[str, str | None]:
    """The JSON type that *type_* becomes, and the format of a string."""
    return next(described for known, described in JSON_TYPES if issubclass(type_, known))


JSON_TYPES: tuple[tuple[type, tuple[str, str | None]], ...] = (
    (bool, ("boolean", None)),
    (int, ("integer", None)),
    (str, ("string", None)),
    (datetime, ("string", "date-time")),
    (tuple, ("array", None)),
    (msgspec.Struct, ("object", None)),
)
