"""Updates: what a client sends takes the place of what is stored, except what only the server may say.

Replacing, every kind of patch, and apply all end here.
"""

from sandbox.kube.built_in import settle
from sandbox.kube.errors import FORBIDDEN, Cause, bad_request
from sandbox.kube.managers import UPDATE, Manager, track
from sandbox.kube.objects import Object, Run, Stored, stored
from sandbox.kube.refusals import conflict, invalid
from sandbox.kube.resources import Resource
from sandbox.kube.store import Store
from sandbox.kube.structure import OF_RESOURCE
from sandbox.kube.writes import Place, WriteOptions, Written, present, shape

ONLY_OF_SERVER = (
    "uid",
    "creationTimestamp",
    "resourceVersion",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "name",
    "namespace",
)
REMEMBERED_RUNS = 16
NO_VERSION = "Invalid value: 0x0: must be specified for an update"
TOO_LATE = "Forbidden: no new finalizers can be added if the object is being deleted"


def update(store: Store, place: Place, body: Object, options: WriteOptions) -> Written:
    """Put *body* where something is already. It is taken over: the caller must not use it any more."""
    resource, before = place.resource, present(store, place)
    _must_fit(place, before, body, options)
    new = _with_what_stays(resource, before.body, body, options.subresource)
    warnings = shape(resource, new, options)
    settle(resource, new, before.body)
    _must_not_hold_up_its_deletion(resource, before, new)
    _count_generation(resource, before.body, new)
    if options.manager and "managedFields" in before.metadata:
        track(resource, before.body, new, Manager(options.manager, UPDATE, options.subresource))
    if new == before.body:
        return Written(before, warnings)
    if options.dry_run:
        return Written(stored(new), warnings)
    if before.is_going and not new["metadata"].get("finalizers"):
        store.remove(resource, before)  # This last write is not stored: its event shows the state before.
        return Written(stored(new), warnings)
    return Written(store.put(resource, place.key, new, _runs(before, options)), warnings)


def _must_fit(place: Place, before: Stored, body: Object, options: WriteOptions) -> None:
    """Raise `ApiError` if *body* is about another object, or about an older version of this one."""
    resource, metadata = place.resource, body.setdefault("metadata", {})
    if body.setdefault("kind", resource.kind) != resource.kind:
        raise bad_request("kind mismatch")
    body.setdefault("apiVersion", resource.group_version)
    if metadata.get("name", place.name) != place.name:
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({place.name})"
        )
    version = metadata.get("resourceVersion")
    if not version and options.is_put and resource.is_custom:
        raise invalid(resource, place.name, [Cause("metadata.resourceVersion", NO_VERSION)])
    if version and version != before.version:
        raise conflict(resource, place.name)
    _must_not_touch_what_is_fixed(place, before.metadata, metadata, options)


def _must_not_touch_what_is_fixed(
    place: Place, before: Object, metadata: Object, options: WriteOptions
) -> None:
    uid = metadata.get("uid") or before["uid"]
    if options.is_put and uid != before["uid"]:
        raise conflict(
            place.resource,
            place.name,
            f"Precondition failed: UID in precondition: {uid}, UID in object meta: {before['uid']}",
        )
    causes = [
        Cause(f"metadata.{field}", f"Invalid value: {metadata[field]}: field is immutable")
        for field in ("deletionTimestamp", "uid")
        if metadata.get(field) and metadata[field] != before.get(field)
    ]
    if causes:
        raise invalid(place.resource, place.name, causes)


def _with_what_stays(resource: Resource, before: Object, body: Object, subresource: str) -> Object:
    """*body*, with everything of *before* that a write of its kind leaves as it is."""
    managed = body["metadata"].get("managedFields") or before["metadata"].get("managedFields")
    if subresource == "status":
        body, writer = {**before, "metadata": {**before["metadata"]}}, body
        _copy_field(writer, body, "status")
    elif resource.has_status:
        _copy_field(before, body, "status")
    metadata = body["metadata"]
    for field in ONLY_OF_SERVER:
        _copy_field(before["metadata"], metadata, field)
    if managed:
        metadata["managedFields"] = managed
    if not metadata.get("finalizers"):
        metadata.pop("finalizers", None)
    return body


def _copy_field(source: Object, target: Object, field: str) -> None:
    if field in source:
        target[field] = source[field]
    else:
        target.pop(field, None)


def _must_not_hold_up_its_deletion(resource: Resource, before: Stored, new: Object) -> None:
    finalizers = new["metadata"].get("finalizers", ())
    if before.is_going and not {*finalizers} <= {*before.metadata.get("finalizers", ())}:
        cause = Cause("metadata.finalizers", TOO_LATE, FORBIDDEN)
        raise invalid(resource, new["metadata"]["name"], [cause])


def _count_generation(resource: Resource, before: Object, new: Object) -> None:
    if resource.is_custom and _wanted(resource, new) != _wanted(resource, before):
        new["metadata"]["generation"] = before["metadata"].get("generation", 0) + 1


def _wanted(resource: Resource, body: Object) -> Object:
    """What is said of an object by its users, and not by its controllers."""
    others = {*OF_RESOURCE, "status"} if resource.has_status else OF_RESOURCE
    return {field: value for field, value in body.items() if field not in others}


def _runs(before: Stored, options: WriteOptions) -> tuple[Run, ...]:
    """Who wrote what, after a write as *options* say; too many runs, and the oldest count as the first's."""
    runs = before.runs
    if not (options.manager and runs) or runs[-1].is_by(options.manager, options.subresource):
        return runs
    latest = runs[1:][1 - REMEMBERED_RUNS :]
    return (*runs[:1], *latest, Run(options.manager, options.subresource, before.body))
