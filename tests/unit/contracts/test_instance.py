"""Reading the resource, whoever wrote it."""

from typing import Any

import msgspec
import pytest

from cloudkit.contracts.errors import Malformed
from cloudkit.contracts.instance import (
    FINALIZER,
    MANAGEMENT_ANNOTATION,
    RETRY_ANNOTATION,
    ComputeInstance,
    Phase,
    read_instance,
)
from cloudkit.contracts.jobs import JobState, Provider

METADATA = {"name": "vm", "namespace": "ns", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
JOB = {"type": "provision", "state": "Succeeded", "timestamp": "2026-01-02T03:04:05Z"}


def read(*, metadata: dict[str, Any] | None = None, status: dict[str, Any] | None = None) -> ComputeInstance:
    resource = {"metadata": {**METADATA, **(metadata or {})}, "spec": {"vcpu": 2}, "status": status or {}}
    return read_instance(msgspec.json.encode(resource))


def test_an_instance_is_adopted_once_our_finalizer_is_on_it() -> None:
    assert read(metadata={"finalizers": ["a/b", FINALIZER]}).adopted
    assert not read(metadata={"finalizers": ["a/b"]}).adopted


def test_an_instance_is_being_deleted_once_it_has_a_time_of_deletion() -> None:
    assert read(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}).deleting
    assert not read().deleting


@pytest.mark.parametrize("value", ["unmanaged", "Unmanaged"])
def test_an_instance_is_unmanaged_if_it_says_so(value: str) -> None:
    assert read(metadata={"annotations": {MANAGEMENT_ANNOTATION: value}}).unmanaged
    assert not read(metadata={"annotations": {MANAGEMENT_ANNOTATION: "managed"}}).unmanaged
    assert not read().unmanaged


def test_a_long_request_to_retry_is_cut_since_every_job_keeps_it() -> None:
    assert read(metadata={"annotations": {RETRY_ANNOTATION: "x" * 9000}}).retry_requested_at == "x" * 64


def test_jobs_of_another_controller_count_on_from_those_before_them() -> None:
    ours, theirs = {**JOB, "number": 7, "revision": 2}, {**JOB, "jobID": "4711"}
    assert [job.number for job in read(status={"jobs": [theirs, theirs]}).jobs] == [1, 2]
    assert [job.number for job in read(status={"jobs": [ours, theirs, theirs]}).jobs] == [7, 8, 9]


def test_records_of_another_controller_count_in_the_order_of_their_times() -> None:
    times = {"4713": "2026-01-01T00:02:00Z", "4711": "2026-01-01T00:01:00Z", "4712": "2026-01-01T00:01:00Z"}
    theirs = [{**JOB, "jobID": id, "timestamp": time} for id, time in times.items()]
    ours = {**JOB, "number": 7, "revision": 2, "jobID": "4710", "timestamp": "2026-01-01T00:05:00Z"}
    found = [(job.number, job.job_id) for job in read(status={"jobs": [ours, *theirs]}).jobs]
    assert found == [(7, "4710"), (8, "4711"), (9, "4712"), (10, "4713")]


def test_the_provider_of_a_job_of_another_controller_shows_in_its_id() -> None:
    jobs = read(status={"jobs": [{**JOB, "jobID": "eda-webhook-1"}, {**JOB, "jobID": "4711"}]}).jobs
    assert [job.provider for job in jobs] == [Provider.EDA, Provider.AAP]


EDA_JOB = {**JOB, "state": "Unknown", "jobID": "eda-webhook-1"}


@pytest.mark.parametrize(
    ("versions", "state"),
    [
        ({"desiredConfigVersion": "f0", "reconciledConfigVersion": "f0"}, JobState.SUCCEEDED),
        ({"desiredConfigVersion": "f1", "reconciledConfigVersion": "f0"}, JobState.UNKNOWN),
        ({}, JobState.UNKNOWN),
    ],
    ids=["is over once the wanted version is there", "goes on until then", "goes on if nobody can tell"],
)
def test_a_webhook_of_another_controller(versions: dict[str, str], state: JobState) -> None:
    [job] = read(status={"jobs": [EDA_JOB], **versions}).jobs
    assert job.state is state


def test_a_deprovision_webhook_of_another_controller_is_not_over_because_the_machine_was_made() -> None:
    versions = {"desiredConfigVersion": "f0", "reconciledConfigVersion": "f0"}
    [job] = read(status={"jobs": [{**EDA_JOB, "type": "deprovision"}], **versions}).jobs
    assert job.state is JobState.UNKNOWN


def test_a_controller_that_kept_no_history_says_in_its_views_what_ran() -> None:
    views = {
        "provisionJob": {"id": "4870", "state": "Succeeded", "message": "done"},
        "deprovisionJob": {"id": "4925", "state": "Running", "message": "Deprovision job triggered"},
    }
    found = [(job.number, job.type, job.state, job.job_id) for job in read(status=views).jobs]
    assert found == [(1, "provision", "Succeeded", "4870"), (2, "deprovision", "Running", "4925")]


def test_the_history_knows_better_than_the_views() -> None:
    status = {"jobs": [{**JOB, "number": 5}], "provisionJob": {"id": "9", "state": "Failed"}}
    assert [job.number for job in read(status=status).jobs] == [5]


def test_a_job_is_readable_without_what_the_crd_does_not_require() -> None:
    [job] = read(status={"jobs": [JOB]}).jobs
    assert (job.state, job.block_deletion_on_failure) == (JobState.SUCCEEDED, False)


def test_a_view_of_a_job_is_readable_without_anything() -> None:
    summary = read(status={"provisionJob": {}}).status.provision_job
    assert summary is not None
    assert summary.state is JobState.UNKNOWN


def test_a_phase_that_we_do_not_know_is_kept_and_is_none_of_ours() -> None:
    phase = read(status={"phase": "Starting"}).status.phase
    assert phase == "Starting"
    assert phase not in list(Phase)
    assert msgspec.json.encode(phase) == b'"Starting"'


def test_what_a_condition_lacks_is_not_written_as_null() -> None:
    [condition] = read(status={"conditions": [{"type": "X", "status": "True"}]}).status.conditions
    assert msgspec.json.encode(condition) == b'{"type":"X","status":"True"}'


def test_the_raw_resource_keeps_what_we_do_not_know() -> None:
    resource = msgspec.json.encode({"metadata": METADATA, "spec": {"gpu": 1}, "more": True})
    assert bytes(read_instance(resource).resource) == resource


def test_the_known_spec_is_read_from_the_raw_one() -> None:
    assert read().known_spec().vcpu == 2


def test_a_resource_without_metadata_is_malformed() -> None:
    with pytest.raises(Malformed, match="metadata"):
        read_instance(b"{}")


def test_an_answer_that_is_no_json_is_malformed() -> None:
    with pytest.raises(Malformed):
        read_instance(b"<html>502 Bad Gateway</html>")


def test_a_spec_of_other_types_is_malformed_only_to_who_reads_it() -> None:
    odd = read_instance(msgspec.json.encode({"metadata": METADATA, "spec": {"vcpu": "two"}}))
    with pytest.raises(Malformed, match="vcpu"):
        odd.known_spec()


def test_a_name_is_shown_with_its_namespace() -> None:
    assert str(read().ref) == "ns/vm"
