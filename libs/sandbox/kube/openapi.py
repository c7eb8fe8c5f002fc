"""OpenAPI, as far as kubectl reads it: ``explain``, and which parameters ``apply`` and ``diff`` may send."""

from sandbox.kube.errors import no_such_path
from sandbox.kube.objects import Object
from sandbox.kube.resources import Resource, Resources
from sandbox.kube.schema import ANYTHING

INFO = {"title": "Kubernetes", "version": "v1.32.4"}
V2: Object = {"swagger": "2.0", "info": INFO, "paths": {}, "definitions": {}}
PARAMETERS = [
    {"name": name, "in": "query", "schema": {"type": "string"}}
    for name in ("dryRun", "fieldManager", "fieldValidation")
]


def index(resources: Resources) -> Object:
    """The answer to ``/openapi/v3``: one document for each version of a group."""
    prefixes = dict.fromkeys(_prefix(each) for each in resources)
    return {"paths": {prefix: {"serverRelativeURL": f"/openapi/v3/{prefix}"} for prefix in prefixes}}


def document(resources: Resources, prefix: str) -> Object:
    """The answer to ``/openapi/v3/apis/GROUP/VERSION``. Raises `ApiError` if there is none."""
    served = [each for each in resources if _prefix(each) == prefix]
    if not served:
        raise no_such_path()
    return {
        "openapi": "3.0.0",
        "info": INFO,
        "paths": {path: item for each in served for path, item in _paths(each).items()},
        "components": {"schemas": {_name(each): _schema(each) for each in served}},
    }


def _prefix(resource: Resource) -> str:
    return f"apis/{resource.group_version}" if resource.group else f"api/{resource.version}"


def _name(resource: Resource) -> str:
    return f"{resource.group or 'core'}.{resource.version}.{resource.kind}"


def _kind(resource: Resource) -> Object:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _schema(resource: Resource) -> Object:
    schema = resource.schema.openapi if resource.schema else ANYTHING
    return {**schema, "x-kubernetes-group-version-kind": [_kind(resource)]}


def _paths(resource: Resource) -> Object:
    namespace = "namespaces/{namespace}/" if resource.namespaced else ""
    collection = f"/{_prefix(resource)}/{namespace}{resource.plural}"
    return {
        collection: {"get": _operation(resource, "list"), "post": _operation(resource, "post")},
        f"{collection}/{{name}}": {
            method: _operation(resource, method) for method in ("get", "put", "patch", "delete")
        },
    }


def _operation(resource: Resource, action: str) -> Object:
    schema = {"$ref": f"#/components/schemas/{_name(resource)}"}
    answer = {"description": "OK", "content": {"application/json": {"schema": schema}}}
    return {
        "parameters": PARAMETERS,
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _kind(resource),
        "responses": {"200": answer},
    }
