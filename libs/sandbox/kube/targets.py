"""From the path of a request to what it is about.

/api/v1/namespaces/default/pods/web/status
/apis/cloudkit.openshift.io/v1alpha1/namespaces/default/computeinstances/vm
/apis/cloudkit.openshift.io/v1alpha1/computeinstances
"""

from collections.abc import Sequence

import msgspec

from sandbox.kube.errors import method_not_allowed, no_such_path
from sandbox.kube.objects import Key
from sandbox.kube.resources import Resource, Resources
from sandbox.kube.writes import Place

OF_A_NAMESPACE_ITSELF = ("status", "finalize")
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A resource, or that part of it that the path names; empty is what it does not name."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def place(self) -> Place:
        return Place(self.resource, Key(self.namespace, self.name))


def read_target(path: Sequence[str], resources: Resources) -> Target:
    """What the parts of a *path* name. Raises `ApiError` if there is no such thing."""
    match path:
        case ["api", version, first, *rest]:
            return _target(resources, "", version, [first, *rest])
        case ["apis", group, version, first, *rest]:
            return _target(resources, group, version, [first, *rest])
    raise no_such_path()


def _target(resources: Resources, group: str, version: str, path: list[str]) -> Target:
    namespace = ""
    if path[0] == "namespaces" and len(path) > 2 and path[2] not in OF_A_NAMESPACE_ITSELF:
        _, namespace, *path = path
    plural, name, subresource, *more = *path, *("", "", "")[len(path) :]
    resource = resources.find(group, version, plural)
    if resource is None or more or (subresource and not (subresource == "status" and resource.has_status)):
        raise no_such_path()
    return Target(resource=resource, namespace=namespace, name=name, subresource=subresource)


def verb_of(method: str, target: Target, *, is_watch: bool) -> str:
    """What RBAC calls it. Raises `ApiError` if it cannot be done to *target*."""
    if method == "GET":
        return "watch" if is_watch else "get" if target.name else "list"
    if method == "DELETE":
        return "delete" if target.name else "deletecollection"
    if method not in VERBS or bool(target.name) == (method == "POST"):
        raise method_not_allowed()
    return VERBS[method]
