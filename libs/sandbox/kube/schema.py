"""What a definition's schema does to an object: drop unknown fields, fill in defaults, find mistakes."""

import jsonschema_rs
from jsonschema_rs import ValidationError, ValidationErrorKind

from sandbox.kube.errors import INVALID, REQUIRED, Cause
from sandbox.kube.objects import Json, Object
from sandbox.kube.shaping import Path, duplicates, fill_in_defaults, prune
from sandbox.kube.structure import KEEPS_UNKNOWN, read_structure

WRONG_TYPE = "FieldValueTypeInvalid"
REASONS = {
    "required": REQUIRED,
    "enum": "FieldValueNotSupported",
    "type": WRONG_TYPE,
    "format": WRONG_TYPE,
}
FORMATS = frozenset({"date-time", "date", "ipv4", "ipv6", "uri", "uuid", "email", "hostname"})
"""Those that Kubernetes and JSON Schema know under the same name; others are not checked."""
ANYTHING: Object = {"type": "object", KEEPS_UNKNOWN: True}


class Schema:
    """The ``openAPIV3Schema`` of one version. Raises ValueError when it is no schema."""

    def __init__(self, openapi: Object | None = None) -> None:
        self.openapi = openapi or ANYTHING
        self.structure = read_structure(self.openapi)
        self._validator = jsonschema_rs.Draft7Validator(_json_schema(self.openapi), validate_formats=True)

    def prune(self, body: Object) -> list[str]:
        """Drop unknown fields from *body*, and say which: ``spec.junk``."""
        return [path.removeprefix(".") for path in prune(body, self.structure)]

    def fill_in_defaults(self, body: Object) -> None:
        fill_in_defaults(body, self.structure)

    def mistakes(self, body: Object) -> list[Cause]:
        """Every field of *body* that the schema refuses."""
        if self._validator.is_valid(body):
            return [
                Cause(_written(path), f"Duplicate value: {identity}", "FieldValueDuplicate")
                for path, identity in duplicates(body, self.structure)
            ]
        return [_cause(error) for error in self._validator.iter_errors(body)]


def _cause(error: ValidationError) -> Cause:
    path: Path = tuple(error.instance_path)
    if isinstance(error.kind, ValidationErrorKind.Required):
        path = (*path, error.kind.property)
    return Cause(_written(path), error.message, REASONS.get(error.kind.name, INVALID))


def _written(path: Path) -> str:
    """``spec.tags[1]``"""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def _json_schema(openapi: Object) -> Object:
    """What JSON Schema of draft 7 says for what OpenAPI of Kubernetes says."""
    translated: Object = {}
    for keyword, value in openapi.items():
        if keyword in ("exclusiveMinimum", "exclusiveMaximum"):
            translated |= _exclusive_limit(keyword, openapi)
        elif _means_something(keyword, value):
            translated[keyword] = _translated(keyword, value)
    if openapi.get("x-kubernetes-int-or-string"):
        translated["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if openapi.get("nullable") and "type" in translated:
        translated["type"] = [translated["type"], "null"]
    return translated


def _exclusive_limit(keyword: str, openapi: Object) -> Object:
    """In OpenAPI a flag beside the limit, in JSON Schema the limit itself."""
    limit = keyword.removeprefix("exclusive").lower()
    return {keyword: openapi[limit]} if openapi[keyword] is True else {}


def _means_something(keyword: str, value: Json) -> bool:
    if keyword == "format":
        return value in FORMATS
    return keyword not in ("nullable", "default") and not keyword.startswith("x-")


def _translated(keyword: str, value: Json) -> Json:
    match keyword, value:
        case "properties", dict():
            return {name: _json_schema(below) for name, below in value.items()}
        case (("items" | "additionalProperties" | "not"), dict()):
            return _json_schema(value)
        case (("allOf" | "anyOf" | "oneOf"), list()):
            return [_json_schema(each) for each in value]
    return value
