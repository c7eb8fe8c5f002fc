"""What a playbook gets to see of the resource, and what is said when it cannot be given any."""

from typing import Any

from cloudkit.contracts.errors import TooLarge
from cloudkit.contracts.instance import LAST_APPLIED_ANNOTATION, ComputeInstance, decode
from cloudkit.contracts.intents import Deprovision, Provision


def playbook_resource(instance: ComputeInstance, version: str) -> dict[str, Any]:
    """The whole resource, fields that we do not know included, without what only Kubernetes needs,
    and with *version* as ``status.desiredConfigVersion`` (EDA playbooks copy it into their answer)."""
    resource: dict[str, Any] = decode(instance.resource, dict)
    metadata = resource.get("metadata", {})
    metadata.pop("managedFields", None)
    metadata.get("annotations", {}).pop(LAST_APPLIED_ANNOTATION, None)
    resource["status"] = {**resource.get("status", {}), "desiredConfigVersion": version}
    return resource


def missing_resource(intent: Provision | Deprovision) -> TooLarge | None:
    """Why there is nothing that a playbook could be given: the resource was too large to be sent."""
    if intent.resource is not None:
        return None
    text = (
        f"The resource is too large to be sent: with it, a message of NATS has {intent.oversize} bytes, and "
        f"max_payload is {intent.size_limit}. Set NATS's max_payload to 8MB, or make the resource smaller"
    )
    return TooLarge(text, size=intent.oversize, limit=intent.size_limit)
