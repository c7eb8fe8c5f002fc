"""Why something cannot be done to an object of a resource, in the words of Kubernetes."""

from collections.abc import Sequence

from sandbox.kube.errors import ApiError, Cause
from sandbox.kube.objects import Object
from sandbox.kube.resources import Resource

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def not_found(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified_name} "{name}" not found'
    return ApiError(404, "NotFound", message, details=details(resource, name))


def already_exists(resource: Resource, name: str, *, is_going: bool) -> ApiError:
    message = f'{resource.qualified_name} "{name}" already exists'
    before = "object is being deleted: " if is_going else ""
    return ApiError(409, "AlreadyExists", before + message, details=details(resource, name))


def conflict(resource: Resource, name: str, because: str = MODIFIED) -> ApiError:
    message = f'Operation cannot be fulfilled on {resource.qualified_name} "{name}": {because}'
    return ApiError(409, "Conflict", message, details=details(resource, name))


def invalid(resource: Resource, name: str, causes: Sequence[Cause], kind: str = "") -> ApiError:
    """422. *kind* is what the object calls itself, where that is another than the resource's."""
    kind = kind or resource.kind
    said = "; ".join(f"{cause.field}: {cause.message}" for cause in causes)
    qualified = f"{kind}.{resource.group}" if resource.group else kind
    return ApiError(
        422,
        "Invalid",
        f'{qualified} "{name}" is invalid: {said}',
        details=details(resource, name, kind),
        causes=causes,
    )


def forbidden(resource: Resource, name: str, because: str, causes: Sequence[Cause] = ()) -> ApiError:
    named = f' "{name}"' if name else ""
    message = f"{resource.qualified_name}{named} is forbidden: {because}"
    return ApiError(403, "Forbidden", message, details=details(resource, name), causes=causes)


def details(resource: Resource, name: str, kind: str = "") -> Object:
    """What a Status says of the object; errors about its content say its kind, others its resource."""
    said = {"name": name, "group": resource.group, "kind": kind or resource.plural}
    return {field: value for field, value in said.items() if value}
