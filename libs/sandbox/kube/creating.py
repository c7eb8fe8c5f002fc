"""Creates: what a client sends becomes an object, with everything that only the server knows."""

import re
from random import choices
from uuid import uuid4

from sandbox.kube.built_in import begin, settle
from sandbox.kube.errors import REQUIRED, ApiError, Cause, bad_request
from sandbox.kube.objects import Key, Object, Run, now, stored
from sandbox.kube.refusals import already_exists, forbidden, invalid
from sandbox.kube.resources import Resource
from sandbox.kube.store import Store
from sandbox.kube.writes import WriteOptions, Written, shape

_PART = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
NAME = re.compile(rf"{_PART}(\.{_PART})*")
LONGEST_NAME = 253
LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Those of generated names: no vowels, so that they spell nothing."""
ONLY_OF_STORED = ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
NAME_RULE = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"


def create(store: Store, resource: Resource, namespace: str, body: Object, options: WriteOptions) -> Written:
    """Store *body* as a new object. It is taken over: the caller must not use it any more."""
    metadata = body.setdefault("metadata", {})
    _must_be_of_kind(resource, body)
    _put_into_namespace(store, resource, namespace, body)
    _name(resource, metadata)
    key = Key(namespace, metadata["name"])
    _must_be_free(store, resource, key, metadata)
    _begin(resource, body)
    warnings = shape(resource, body, options)
    settle(resource, body, None)
    if options.dry_run:
        return Written(stored(body), warnings, is_new=True)
    runs = (Run(options.manager, "", None),) if options.manager else ()
    return Written(store.put(resource, key, body, runs), warnings, is_new=True)


def _must_be_of_kind(resource: Resource, body: Object) -> None:
    kind = body.setdefault("kind", resource.kind)
    if kind != resource.kind and resource.is_custom:
        cause = Cause("kind", f'Invalid value: "{kind}": must be {resource.kind}')
        raise invalid(resource, body["metadata"].get("name", ""), [cause], kind)
    group_version = body.setdefault("apiVersion", resource.group_version)
    if (group_version, kind) != (resource.group_version, resource.kind):
        raise bad_request(
            f"the API version/kind in the data ({group_version}, {kind}) does not match "
            f"the expected ({resource.group_version}, {resource.kind})"
        )


def _put_into_namespace(store: Store, resource: Resource, namespace: str, body: Object) -> None:
    metadata = body["metadata"]
    if not resource.namespaced:
        metadata.pop("namespace", None)
        return
    if (metadata.get("namespace") or namespace) != namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    metadata["namespace"] = namespace
    home = store.namespace(namespace)
    if home is None:
        details = {"name": namespace, "kind": "namespaces"}
        raise ApiError(404, "NotFound", f'namespaces "{namespace}" not found', details=details)
    if home.is_going:
        raise _terminating(resource, metadata.get("name", ""), namespace)


def _terminating(resource: Resource, name: str, namespace: str) -> ApiError:
    going = f"namespace {namespace} is being terminated"
    because = f"unable to create new content in namespace {namespace} because it is being terminated"
    return forbidden(resource, name, because, [Cause("metadata.namespace", going, "NamespaceTerminating")])


def _name(resource: Resource, metadata: Object) -> None:
    """See that it has a name, made from ``generateName`` if need be, that Kubernetes allows."""
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"] + "".join(choices(LETTERS, k=5))  # noqa: S311  # no secret
    name = metadata.get("name", "")
    if not name:
        cause = Cause("metadata.name", "name or generateName is required", REQUIRED)
        raise invalid(resource, "", [cause])
    if len(name) > LONGEST_NAME or not NAME.fullmatch(name):
        raise invalid(resource, name, [Cause("metadata.name", f'Invalid value: "{name}": {NAME_RULE}')])


def _must_be_free(store: Store, resource: Resource, key: Key, metadata: Object) -> None:
    if metadata.pop("resourceVersion", None):
        raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
    if there := store.get(resource, key):
        raise already_exists(resource, key.name, is_going=there.is_going)


def _begin(resource: Resource, body: Object) -> None:
    """Replace what only the server may say."""
    metadata = body["metadata"]
    for field in ONLY_OF_STORED:
        metadata.pop(field, None)
    metadata["uid"] = str(uuid4())
    metadata["creationTimestamp"] = now()
    if resource.is_custom:
        metadata["generation"] = 1
    if resource.has_status:
        body.pop("status", None)
    begin(resource, body)
