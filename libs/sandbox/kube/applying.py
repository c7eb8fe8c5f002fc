"""Server-side apply: each manager owns the fields that it sent, and loses those it no longer sends."""

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from sandbox.kube.creating import create
from sandbox.kube.errors import REQUIRED, ApiError, Cause, bad_request, wrong_options
from sandbox.kube.managers import APPLY, UPDATE, Claim, Manager, claim, claims_so_far, managed_fields
from sandbox.kube.merging import merged, remove
from sandbox.kube.objects import Object, Stored
from sandbox.kube.ownership import HERE, FieldPath, Fields, fields_of, written
from sandbox.kube.refusals import not_found
from sandbox.kube.resources import Resource
from sandbox.kube.store import Store
from sandbox.kube.updating import update
from sandbox.kube.writes import Place, WriteOptions, Written

OF_STATUS = ("apiVersion", "kind", "metadata", "status")


def apply(store: Store, place: Place, applied: Object, options: WriteOptions) -> Written:
    """Give *applied* to the manager of *options*, who has to be named."""
    wish = _readable(place.resource, applied, options)
    live = store.get(*place)
    if live is None:
        return _create(store, place, wish, options)
    new = _merged_into(live, place.resource, wish, options)
    return update(store, place, new, replace(options, manager=""))


def _readable(resource: Resource, applied: Object, options: WriteOptions) -> Object:
    """*applied* without what this write is not about. Raises `ApiError` if it may not be applied."""
    if not options.manager:
        cause = Cause("fieldManager", "Required value: is required for apply patch", REQUIRED)
        raise wrong_options("PatchOptions", cause)
    if (applied.get("apiVersion"), applied.get("kind")) != (resource.group_version, resource.kind):
        raise bad_request("invalid object type in apply")
    metadata = applied.get("metadata") or {}
    if metadata.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    wish = {**applied, "metadata": metadata}
    dropped = resource.schema.prune(wish) if resource.schema else []
    if dropped and options.field_validation == "Strict":
        raise bad_request("strict decoding error: unknown field " + ", ".join(dropped))
    if options.subresource == "status":
        return {field: value for field, value in wish.items() if field in OF_STATUS}
    if resource.has_status:
        wish.pop("status", None)
    return wish


def _create(store: Store, place: Place, wish: Object, options: WriteOptions) -> Written:
    resource, key = place
    if options.subresource:
        raise not_found(resource, place.name)
    mine = claim(_manager(options), resource, fields_of(wish, resource.structure))
    metadata = {**wish["metadata"], "name": place.name, "managedFields": managed_fields([mine])}
    metadata.pop("resourceVersion", None)
    body = {**wish, "metadata": metadata}
    return create(store, resource, key.namespace, body, replace(options, manager=""))


def _merged_into(live: Stored, resource: Resource, wish: Object, options: WriteOptions) -> Object:
    """The object as it will be, with who owns what in it."""
    me, structure = _manager(options), resource.structure
    claims = claims_so_far(resource, live)
    had = {path for each in claims if each.manager == me for path in each.paths}
    wanted = fields_of(wish, structure)
    old = live.copy()
    others = _left_to_others(
        fields_of(old, structure), [each for each in claims if each.manager != me], wanted, options.force
    )
    new = merged(old, wish, structure)
    for path in _deepest_first(had - wanted.keys() - {path for each in others for path in each.paths}):
        remove(new, path, structure)
    metadata = {**new["metadata"], "resourceVersion": wish["metadata"].get("resourceVersion")}
    if new != old or had != wanted.keys() or "managedFields" not in metadata:
        metadata["managedFields"] = managed_fields([*others, claim(me, resource, wanted)])
    return {**new, "metadata": metadata}


def _manager(options: WriteOptions) -> Manager:
    return Manager(options.manager, APPLY, options.subresource)


def _left_to_others(live: Fields, claims: Iterable[Claim], wanted: Fields, force: bool) -> list[Claim]:
    """What others keep. Raises `ApiError` if they lose something, and no *force* is used."""
    lost = {path for path, value in wanted.items() if live.get(path) != value}
    conflicts = [_conflict(each, path) for each in claims for path in sorted(each.paths & lost)]
    if conflicts and not force:
        raise _conflicting(conflicts)
    return [each.without(lost) for each in claims]


def _conflict(owner: Claim, path: FieldPath) -> Cause:
    using = f" using {owner.version}" if owner.manager.operation == UPDATE else ""
    return Cause(written(path), f'conflict with "{owner.manager.name}"{using}', "FieldManagerConflict")


def _conflicting(conflicts: Collection[Cause]) -> ApiError:
    count = f"{len(conflicts)} conflict{'s' if len(conflicts) > 1 else ''}"
    said = ", ".join(f"{cause.message}: {cause.field}" for cause in conflicts)
    return ApiError(409, "Conflict", f"Apply failed with {count}: {said}", causes=conflicts)


def _deepest_first(paths: Iterable[FieldPath]) -> list[FieldPath]:
    """*paths* in the order in which they are removed; items of lists as a whole before their fields."""
    return sorted(paths, key=lambda path: (path[-1] != HERE, -len(path)))
