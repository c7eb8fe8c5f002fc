"""Discovery: the answers with which clients learn what groups, versions and resources there are."""

from collections.abc import Iterator

from sandbox.kube.errors import no_such_path
from sandbox.kube.objects import Object
from sandbox.kube.resources import Resource, Resources

VERSION: Object = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.4-emulator",
    "platform": "linux/amd64",
}
CORE_VERSIONS: Object = {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
VERBS_OF_REVIEWS = ("create",)
VERBS_OF_STATUS = ("get", "patch", "update")


def groups(resources: Resources) -> Object:
    """The answer to ``/apis``."""
    names = dict.fromkeys(each.group for each in resources if each.group)
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(resources, name) for name in names],
    }


def group(resources: Resources, name: str) -> Object:
    """The answer to ``/apis/NAME``. Raises `ApiError` if there is no such group."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(resources, name)}


def resource_list(resources: Resources, group: str, version: str) -> Object:
    """The answer to ``/api/v1`` or ``/apis/GROUP/VERSION``. Raises `ApiError` if there is none."""
    served = [each for each in resources if (each.group, each.version) == (group, version)]
    if not served:
        raise no_such_path()
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": served[0].group_version,
        "resources": [entry for each in served for entry in _entries(each)],
    }


def _group(resources: Resources, name: str) -> Object:
    served = dict.fromkeys((each.group_version, each.version) for each in resources if each.group == name)
    if not (name and served):
        raise no_such_path()
    versions = [{"groupVersion": group_version, "version": version} for group_version, version in served]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _entries(resource: Resource) -> Iterator[Object]:
    yield {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": VERBS_OF_REVIEWS if resource.is_review else VERBS,
        "shortNames": resource.short_names,
        "categories": resource.categories,
    }
    if resource.has_status:
        yield {
            "name": f"{resource.plural}/status",
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": VERBS_OF_STATUS,
        }
