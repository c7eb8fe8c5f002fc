"""``managedFields``: whom each field of an object belongs to.

An object shows them from its first server-side apply on. Until then only who wrote it is remembered,
because to compare all fields at every write would halve the rate of writes; the first apply makes up
for it by going through the runs of writes once.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sandbox.kube.objects import Object, Run, Stored, now
from sandbox.kube.ownership import FieldPath, Fields, fields_of, fields_v1, read_fields_v1
from sandbox.kube.resources import Resource

APPLY, UPDATE = "Apply", "Update"


class Manager(NamedTuple):
    """Who writes, in which way, and to which part of the object."""

    name: str
    operation: str
    subresource: str = ""


class Claim(NamedTuple):
    """What one manager owns; ``said`` is the entry that it was read from."""

    manager: Manager
    paths: frozenset[FieldPath]
    said: Object

    @property
    def version(self) -> str:
        version: str = self.said["apiVersion"]
        return version

    def without(self, paths: Iterable[FieldPath]) -> "Claim":
        return self._replace(paths=self.paths.difference(paths))


def claim(manager: Manager, resource: Resource, paths: Iterable[FieldPath]) -> Claim:
    """A claim that is made now."""
    said = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": resource.group_version,
        "time": now(),
        "fieldsType": "FieldsV1",
    }
    if manager.subresource:
        said["subresource"] = manager.subresource
    return Claim(manager, frozenset(paths), said)


def read_claims(metadata: Object) -> list[Claim]:
    return [_read_claim(said) for said in metadata.get("managedFields") or ()]


def managed_fields(claims: Iterable[Claim]) -> list[Object]:
    """*claims*, as metadata shows them; those to nothing are left out."""
    return [{**each.said, "fieldsV1": fields_v1(sorted(each.paths))} for each in claims if each.paths]


def track(resource: Resource, before: Object | None, after: Object, writer: Manager) -> None:
    """Give *writer* the fields that are others in *after* than in *before*, and nobody those that went."""
    had = _owned(resource, before) if before else {}
    has = _owned(resource, after)
    changed = {path for path, value in has.items() if path not in had or had[path] != value}
    gone = had.keys() - has.keys()
    if not (changed or gone):
        return
    claims = read_claims(before["metadata"]) if before else []
    mine = {path for each in claims if each.manager == writer for path in each.paths}
    others = [each.without(changed | gone) for each in claims if each.manager != writer]
    claims = [*others, claim(writer, resource, (mine | changed) - gone)]
    after["metadata"]["managedFields"] = managed_fields(claims)


def claims_so_far(resource: Resource, stored: Stored) -> list[Claim]:
    """What every write up to now has claimed, or would have."""
    if "managedFields" in stored.metadata:
        return read_claims(stored.metadata)
    if stored.runs:
        return _replayed(resource, stored.runs, stored.body)
    unknown = Manager("before-first-apply", UPDATE)
    return [claim(unknown, resource, fields_of(stored.body, resource.structure))]


def _replayed(resource: Resource, runs: tuple[Run, ...], body: Object) -> list[Claim]:
    """Go through *runs*, of which *body* came, as if each write had been tracked when it was made."""
    managed: list[Object] = []
    ends = [*(run.before for run in runs[1:]), body]
    for run, end in zip(runs, ends, strict=True):
        before, after = _with_managers(run.before, managed), _with_managers(end, managed)
        if after is not None:
            track(resource, before, after, Manager(run.manager, UPDATE, run.subresource))
            managed = after["metadata"]["managedFields"]
    return [_read_claim(said) for said in managed]


def _with_managers(body: Object | None, managed: list[Object]) -> Object | None:
    return body and {**body, "metadata": {**body["metadata"], "managedFields": managed}}


def _owned(resource: Resource, body: Object) -> Fields:
    return fields_of(body, resource.structure, with_containers=True)


def _read_claim(said: Object) -> Claim:
    manager = Manager(said["manager"], said["operation"], said.get("subresource", ""))
    return Claim(manager, frozenset(read_fields_v1(said["fieldsV1"])), said)
