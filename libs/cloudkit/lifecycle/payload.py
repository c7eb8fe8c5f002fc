"""What a playbook gets to see of the resource."""

from typing import Any

from cloudkit.contracts.instance import LAST_APPLIED_ANNOTATION, ComputeInstance, decode


def playbook_resource(instance: ComputeInstance, version: str) -> dict[str, Any]:
    """The whole resource, fields that we do not know included, without what only Kubernetes needs,
    and with *version* as ``status.desiredConfigVersion`` (EDA playbooks copy it into their answer)."""
    resource: dict[str, Any] = decode(instance.resource, dict)
    metadata = resource.get("metadata", {})
    metadata.pop("managedFields", None)
    metadata.get("annotations", {}).pop(LAST_APPLIED_ANNOTATION, None)
    resource["status"] = {**resource.get("status", {}), "desiredConfigVersion": version}
    return resource
