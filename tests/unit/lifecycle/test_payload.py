"""What a playbook gets to see, and why it cannot get anything."""

import msgspec
from msgspec.structs import replace

from cloudkit.contracts.instance import LAST_APPLIED_ANNOTATION, ComputeInstance, read_instance
from cloudkit.contracts.intents import Deprovision, without_resource
from cloudkit.lifecycle.payload import missing_resource, playbook_resource
from unit.lifecycle.specimens import LONG_AGO, REF

RESOURCE = {
    "apiVersion": "cloudkit.openshift.io/v1alpha1",
    "kind": "ComputeInstance",
    "metadata": {
        "name": "vm",
        "namespace": "ns",
        "uid": "u",
        "creationTimestamp": LONG_AGO,
        "labels": {"team": "blue"},
        "annotations": {LAST_APPLIED_ANNOTATION: "{}", "mine": "yes"},
        "managedFields": [{"manager": "kubectl"}],
    },
    "spec": {"vcpu": 2, "gpu": {"count": 1}},
    "status": {"tenantReference": {"name": "blue"}, "desiredConfigVersion": "v1-old"},
}


def subject() -> ComputeInstance:
    return read_instance(msgspec.json.encode(RESOURCE))


def test_a_playbook_gets_the_whole_resource_with_fields_that_we_do_not_know() -> None:
    seen = playbook_resource(subject(), "v1-new")
    assert seen["spec"] == {"vcpu": 2, "gpu": {"count": 1}}
    assert seen["metadata"]["labels"] == {"team": "blue"}
    assert seen["kind"] == "ComputeInstance"
    assert seen["status"]["tenantReference"] == {"name": "blue"}


def test_a_playbook_does_not_get_what_only_kubernetes_needs() -> None:
    metadata = playbook_resource(subject(), "v1-new")["metadata"]
    assert "managedFields" not in metadata
    assert metadata["annotations"] == {"mine": "yes"}


def test_a_playbook_is_told_the_version_that_it_applies() -> None:
    assert playbook_resource(subject(), "v1-new")["status"]["desiredConfigVersion"] == "v1-new"


def test_a_resource_without_status_and_annotations_is_enough() -> None:
    bare = replace(subject(), resource=msgspec.Raw(b'{"metadata": {"name": "vm"}}'))
    expected = {"metadata": {"name": "vm"}, "status": {"desiredConfigVersion": "v1-new"}}
    assert playbook_resource(bare, "v1-new") == expected


def test_the_resource_itself_stays_as_it_is() -> None:
    one = subject()
    before = bytes(one.resource)
    playbook_resource(one, "v1-new")
    assert bytes(one.resource) == before


def test_a_resource_that_was_too_large_for_its_message_is_told_of_with_sizes_and_advice() -> None:
    asked = Deprovision(instance=REF, born=LONG_AGO, number=2, attempt=1, resource={})
    assert missing_resource(asked) is None
    problem = missing_resource(without_resource(asked, size=1_400_000, limit=1_048_576))
    assert problem is not None
    assert problem.reason == "PayloadTooLarge"
    assert all(word in problem.message for word in ("1400000", "1048576", "max_payload to 8MB"))
