"""The Kubernetes stand-in counts its answers."""

import pytest

from sandbox.kube.tally import resource_of

INSTANCES = "apis/cloudkit.openshift.io/v1alpha1"
PATHS = {
    "instances of a namespace": (f"/{INSTANCES}/namespaces/default/computeinstances", "computeinstances"),
    "one instance": (f"/{INSTANCES}/namespaces/default/computeinstances/vm", "computeinstances"),
    "its status": (f"/{INSTANCES}/namespaces/default/computeinstances/vm/status", "computeinstances/status"),
    "instances everywhere": (f"/{INSTANCES}/computeinstances", "computeinstances"),
    "one of the core's own": ("/api/v1/namespaces/default/pods/web/status", "pods/status"),
    "a namespace": ("/api/v1/namespaces/default", "namespaces"),
    "its own status": ("/api/v1/namespaces/default/status", "namespaces/status"),
    "no resource at all": ("/version", "/version"),
}


@pytest.mark.parametrize(("path", "resource"), PATHS.values(), ids=PATHS)
def test_a_request_is_counted_for_its_resource_whatever_the_names(path: str, resource: str) -> None:
    assert resource_of(path) == resource
