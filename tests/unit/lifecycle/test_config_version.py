"""Config versions: the same for the same wish, and no other."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudkit.contracts.errors import Malformed
from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.jobs import JobState
from cloudkit.lifecycle.config_version import applied_version, config_version
from unit.lifecycle.specimens import A, B, instance, provision, reported, version


def of(json: str) -> str:
    return config_version(msgspec.Raw(json.encode()))


def test_the_version_names_its_algorithm_and_is_pinned() -> None:
    assert of('{"vcpu": 2}') == "v1-b8283a297f81c11c"


def test_the_order_of_keys_and_blanks_do_not_matter() -> None:
    assert of('{"a": {"x": 1, "y": [2, 3]}, "b": null}') == of('{ "b":null,"a":{"y":[2,3],"x":1} }')


def test_the_way_a_character_is_written_does_not_matter() -> None:
    assert of('{"name": "z\\u00fcrich"}') == of('{"name": "zürich"}')


DIFFERENT = {
    "a value": ('{"vcpu": 2}', '{"vcpu": 4}'),
    "a field that we do not know": ('{"vcpu": 2}', '{"vcpu": 2, "gpu": 1}'),
    "the order of a list": ('{"disks": [1, 2]}', '{"disks": [2, 1]}'),
    "a type": ('{"memory": 1}', '{"memory": "1"}'),
    "an explicit null": ('{"vcpu": 2}', '{"vcpu": 2, "gpu": null}'),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_makes_another_version(one: str, other: str) -> None:
    assert of(one) != of(other)


@pytest.mark.parametrize("spec", ["[]", '"text"', "1", "{"])
def test_a_spec_that_is_no_object_is_malformed(spec: str) -> None:
    with pytest.raises(Malformed):
        of(spec)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_reading_and_writing_a_spec_keeps_its_version(spec: dict[str, object]) -> None:
    again = msgspec.json.decode(msgspec.json.encode(dict(reversed(spec.items()))))
    assert config_version(msgspec.Raw(msgspec.json.encode(again))) == version(spec)


def in_sync(job_version: str, *, observed: int, spec: dict[str, object] = A) -> ComputeInstance:
    """What another algorithm left behind, with the same version everywhere else."""
    status = {"desiredConfigVersion": "f00", "reconciledConfigVersion": "f00", "observedGeneration": observed}
    return instance(provision(config_version=job_version), spec=spec, generation=3, status=status)


TAKEN_OVER = {
    "a version of another algorithm that was in sync": in_sync("f00", observed=3),
    "a job without a version, as another controller writes it": in_sync("", observed=3),
    "a status without a history, as another controller writes it": instance(
        status={
            "desiredConfigVersion": "f00",
            "reconciledConfigVersion": "f00",
            "provisionJob": {"id": "4870", "state": "Succeeded"},
        }
    ),
    "a webhook that nobody answered, as another controller writes it": instance(
        status={
            "desiredConfigVersion": "f00",
            "reconciledConfigVersion": "f00",
            "provisionJob": {"id": "eda-webhook", "state": "Unknown"},
        }
    ),
    "a status without a generation, as another controller writes it": in_sync("", observed=0),
}
NOT_TAKEN_OVER = {
    "a spec that changed since": in_sync("f00", observed=2),
    "a job for another version": in_sync("abc", observed=3),
    "a job without a version and a status without any": instance(provision(config_version="")),
    "a version that was wanted and not reached": instance(
        provision(config_version="f00"),
        status={"desiredConfigVersion": "f01", "reconciledConfigVersion": "f00"},
    ),
}


@pytest.mark.parametrize("subject", TAKEN_OVER.values(), ids=TAKEN_OVER)
def test_what_is_taken_over_as_the_present_version(subject: ComputeInstance) -> None:
    assert applied_version(subject, subject.jobs[-1]) == version(A)
    assert reported(subject).status.phase == "Ready"


@pytest.mark.parametrize("subject", NOT_TAKEN_OVER.values(), ids=NOT_TAKEN_OVER)
def test_what_is_not_taken_over(subject: ComputeInstance) -> None:
    assert applied_version(subject, subject.jobs[-1]) != version(A)
    assert reported(subject).status.phase == "Progressing"


def test_what_was_taken_over_stays_so_until_the_spec_changes() -> None:
    taken = reported(in_sync("f00", observed=3))
    assert taken.status.reconciled_config_version == version(A)
    assert reported(taken).status == taken.status
    changed = instance(*taken.jobs, spec=B, status=msgspec.to_builtins(taken.status), generation=4)
    assert reported(changed).status.phase == "Progressing"


def test_a_failed_job_leaves_the_version_of_the_machine_as_it_was() -> None:
    subject = instance(provision(1), provision(2, JobState.FAILED, config_version=version(B)), spec=B)
    assert reported(subject).status.reconciled_config_version == version(A)
