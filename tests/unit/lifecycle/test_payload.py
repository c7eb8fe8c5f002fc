"""What a playbook gets to see."""

import msgspec
from msgspec.structs import replace

from cloudkit.contracts.instance import LAST_APPLIED_ANNOTATION, ComputeInstance, read_instance
from cloudkit.lifecycle.payload import playbook_resource
from unit.lifecycle.specimens import LONG_AGO

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
