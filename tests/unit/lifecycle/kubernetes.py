"""What Kubernetes makes of a status: patched, checked and pruned by the schema, and read again."""

import json
from typing import Any

import jsonschema_rs
import msgspec
import yaml

from cloudkit.contracts.instance import ComputeInstance, ComputeInstanceStatus, read_instance
from cloudkit.lifecycle.project import status_patch
from sandbox.kube import crd_path

[_VERSION] = yaml.safe_load(crd_path().read_text())["spec"]["versions"]
_SCHEMA = _VERSION["schema"]["openAPIV3Schema"]
_VALIDATOR = jsonschema_rs.Draft7Validator(_SCHEMA, validate_formats=True)


def kept(subject: ComputeInstance, status: ComputeInstanceStatus) -> ComputeInstance:
    """*subject* as the API server has it once the status-writer has given it *status*."""
    patch = json.loads(json.dumps(msgspec.to_builtins(status_patch(subject.status, status))))
    known = msgspec.to_builtins(subject.status)
    resource = {
        "metadata": msgspec.to_builtins(subject.metadata),
        "spec": json.loads(bytes(subject.spec)),
        "status": {key: value for key, value in {**known, **patch}.items() if value is not None},
    }
    _VALIDATOR.validate({"spec": resource["spec"], "status": resource["status"]})
    resource["status"] = _pruned(resource["status"], _SCHEMA["properties"]["status"])
    return read_instance(json.dumps(resource).encode())


def bytes_of(status: ComputeInstanceStatus) -> int:
    """How much *status* is for etcd, in which Go has written it."""
    text = json.dumps(msgspec.to_builtins(status), ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return len(text.encode())


def _pruned(value: Any, schema: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_pruned(item, schema["items"]) for item in value]
    if not isinstance(value, dict):
        return value
    known, keep = schema.get("properties", {}), schema.get("x-kubernetes-preserve-unknown-fields")
    return {key: _pruned(item, known.get(key, {})) for key, item in value.items() if keep or key in known}
