"""CustomResourceDefinitions: what they must say, what they are told in return, and what they bring."""

from collections.abc import Iterator

from sandbox.kube.errors import Cause, bad_request
from sandbox.kube.objects import Object, now
from sandbox.kube.refusals import invalid
from sandbox.kube.resources import DEFINITIONS, Column, Resource, Resources
from sandbox.kube.schema import Schema
from sandbox.kube.store import Change, ChangeType, Store

CONDITIONS = {"NamesAccepted": "NoConflicts", "Established": "InitialNamesAccepted"}


def establish(_: Resource, definition: Object) -> None:
    """Give a new *definition* its status: it is served at once."""
    spec = definition["spec"]
    definition["status"] = {
        "acceptedNames": spec["names"],
        "storedVersions": _stored_versions(spec),
        "conditions": [_condition(type, reason) for type, reason in CONDITIONS.items()],
    }


def check_definition(resource: Resource, definition: Object, _: Object | None) -> None:
    """Raises `ApiError` if it cannot be served."""
    spec, name = definition["spec"], definition["metadata"]["name"]
    if name != f"{spec['names']['plural']}.{spec['group']}":
        cause = Cause("metadata.name", 'must be spec.names.plural+"."+spec.group')
        raise invalid(resource, name, [cause])
    if len(_stored_versions(spec)) != 1:
        raise bad_request("exactly one version must be marked as storage")
    for version in spec["versions"]:
        _must_have_a_schema(version)


def serve_definitions(store: Store, resources: Resources) -> None:
    """From now on, *resources* are what the definitions in *store* say."""

    def follow(resource: Resource, change: Change) -> None:
        if resource.home != DEFINITIONS:
            return
        definition = change.after.body
        home = definition["spec"]["group"], definition["spec"]["names"]["plural"]
        if change.type is ChangeType.DELETED:
            resources.replace(home, ())
            store.drop(home)
        else:
            resources.replace(home, _served_by(definition))

    store.follow(follow)


def _served_by(definition: Object) -> Iterator[Resource]:
    """A resource for each version that *definition* says is served."""
    for version in definition["spec"]["versions"]:
        if version.get("served"):
            yield _resource(definition["spec"], version)


def _stored_versions(spec: Object) -> list[str]:
    return [version["name"] for version in spec["versions"] if version.get("storage")]


def _must_have_a_schema(version: Object) -> None:
    try:
        _schema(version)
    except ValueError as error:
        raise bad_request(f"the schema of version {version['name']} is none: {error}") from error


def _schema(version: Object) -> Schema:
    return Schema((version.get("schema") or {}).get("openAPIV3Schema"))


def _condition(type: str, reason: str) -> Object:
    return {"type": type, "status": "True", "reason": reason, "lastTransitionTime": now(), "message": ""}


def _resource(spec: Object, version: Object) -> Resource:
    names = spec["names"]
    return Resource(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        kind=names["kind"],
        list_kind=names.get("listKind") or f"{names['kind']}List",
        singular=names.get("singular") or names["kind"].lower(),
        short_names=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        namespaced=spec["scope"] == "Namespaced",
        has_status="status" in (version.get("subresources") or {}),
        schema=_schema(version),
        columns=tuple(_column(column) for column in version.get("additionalPrinterColumns", ())),
        selectable=tuple(field["jsonPath"].lstrip(".") for field in version.get("selectableFields", ())),
    )


def _column(column: Object) -> Column:
    return Column(
        name=column["name"],
        type=column["type"],
        path=column["jsonPath"],
        format=column.get("format", ""),
        description=column.get("description", ""),
        priority=column.get("priority", 0),
    )
