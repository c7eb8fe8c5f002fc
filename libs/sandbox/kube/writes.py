"""How a write is asked for, what comes of it, and what the schema has to say."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from sandbox.kube.errors import bad_request
from sandbox.kube.objects import Key, Object, Stored
from sandbox.kube.refusals import invalid, not_found
from sandbox.kube.resources import Resource
from sandbox.kube.store import Store

TRUE = frozenset({"true", "True", "1"})


class Place(NamedTuple):
    """Where an object is, or will be."""

    resource: Resource
    key: Key

    @property
    def name(self) -> str:
        return self.key.name


class WriteOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``manager`` is whom the fields are to belong to. ``is_put``: the whole object was sent."""

    manager: str = ""
    subresource: str = ""
    dry_run: bool = False
    force: bool = False
    is_put: bool = False
    field_validation: str = "Warn"


class Written(NamedTuple):
    """What stands in the store after a write, or would after a dry run."""

    stored: Stored
    warnings: tuple[str, ...] = ()
    is_new: bool = False


BY_ITSELF = WriteOptions()
"""What the server does without having been asked."""


def read_write_options(
    query: Mapping[str, str], *, manager: str, subresource: str, is_put: bool
) -> WriteOptions:
    """*manager* is what the client is called, if the query names no other."""
    return WriteOptions(
        manager=query.get("fieldManager") or manager,
        subresource=subresource,
        dry_run=bool(query.get("dryRun")),
        force=query.get("force") in TRUE,
        is_put=is_put,
        field_validation=query.get("fieldValidation", "Warn"),
    )


def present(store: Store, place: Place) -> Stored:
    """What is at *place*. Raises `ApiError` if nothing is."""
    if (found := store.get(*place)) is None:
        raise not_found(place.resource, place.name)
    return found


def shape(resource: Resource, body: Object, options: WriteOptions) -> tuple[str, ...]:
    """Bring *body* into the shape that its schema wants, and say what was unknown, as warnings."""
    if not (schema := resource.schema):
        return ()
    unknown = tuple(f'unknown field "{path}"' for path in schema.prune(body))
    if unknown and options.field_validation == "Strict":
        raise bad_request(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
            f"strict decoding error: {', '.join(unknown)}"
        )
    schema.fill_in_defaults(body)
    if mistakes := schema.mistakes(body):
        raise invalid(resource, body["metadata"].get("name", ""), mistakes)
    return unknown if options.field_validation == "Warn" else ()
