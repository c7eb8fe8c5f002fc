"""Which resources there are: those of Kubernetes that we and kubectl meet, and those of definitions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, TypeAlias

from sandbox.kube.schema import Schema
from sandbox.kube.structure import PLAIN, Node

Home: TypeAlias = tuple[str, str]
"""Group and plural under which objects are stored; all versions of a resource share it."""
EVENTS: Home = ("", "events")
NAMESPACES: Home = ("", "namespaces")
DEFINITIONS: Home = ("apiextensions.k8s.io", "customresourcedefinitions")


class Column(NamedTuple):
    """One column that kubectl prints, beside the name; 0 is the priority of those always shown."""

    name: str
    type: str
    path: str = ""
    format: str = ""
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One version of a resource. ``schema`` is None for what is built in: that is taken as it comes.

    ``is_review``: it is a question that is answered at once, and never stored. ``selectable`` are the
    fields that a field selector may name, besides the name and the namespace.
    """

    group: str = ""
    version: str = "v1"
    plural: str
    kind: str
    list_kind: str = ""
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    namespaced: bool = True
    has_status: bool = False
    is_review: bool = False
    schema: Schema | None = None
    columns: tuple[Column, ...] = ()
    selectable: tuple[str, ...] = ()

    @cached_property
    def group_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def qualified_name(self) -> str:
        """As error messages say it: ``computeinstances.cloudkit.openshift.io``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @cached_property
    def home(self) -> Home:
        return EVENTS if self.plural == "events" else (self.group, self.plural)

    @property
    def is_custom(self) -> bool:
        return self.schema is not None

    @property
    def structure(self) -> Node:
        return self.schema.structure if self.schema else PLAIN


def _built_in(
    kind: str, *short_names: str, group: str = "", namespaced: bool = True, has_status: bool = False
) -> Resource:
    return Resource(
        group=group,
        kind=kind,
        list_kind=f"{kind}List",
        singular=kind.lower(),
        plural=f"{kind.lower()}s",
        short_names=short_names,
        namespaced=namespaced,
        has_status=has_status,
    )


def _review(kind: str, group: str) -> Resource:
    return replace(_built_in(kind, group=group, namespaced=False), is_review=True)


BUILT_IN = (
    _built_in("Namespace", "ns", namespaced=False, has_status=True),
    _built_in("Event", "ev"),
    _built_in("ConfigMap", "cm"),
    _built_in("Secret"),
    _built_in("ServiceAccount", "sa"),
    _built_in("Pod", "po", has_status=True),
    _built_in("Service", "svc", has_status=True),
    _built_in("Node", "no", namespaced=False, has_status=True),
    _built_in("Event", group="events.k8s.io"),
    _built_in("Lease", group="coordination.k8s.io"),
    _built_in(
        "CustomResourceDefinition", *("crd", "crds"), group=DEFINITIONS[0], namespaced=False, has_status=True
    ),
    _review("TokenReview", "authentication.k8s.io"),
    _review("SubjectAccessReview", "authorization.k8s.io"),
    _review("SelfSubjectAccessReview", "authorization.k8s.io"),
)


class Resources:
    """Every resource that is served; definitions come and go."""

    def __init__(self) -> None:
        self._served = {(each.group, each.version, each.plural): each for each in BUILT_IN}

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._served.values()))

    def stored(self) -> Iterator[Resource]:
        """One resource for each kind of object that there may be."""
        by_home = {each.home: each for each in reversed(self._served.values()) if not each.is_review}
        return iter(by_home.values())

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        return self._served.get((group, version, plural))

    def of_kind(self, group_version: str, kind: str) -> Resource | None:
        return next((each for each in self if (each.group_version, each.kind) == (group_version, kind)), None)

    def of_any_version(self, group: str, plural: str) -> Resource | None:
        return next((each for each in self if (each.group, each.plural) == (group, plural)), None)

    def replace(self, home: Home, versions: Iterable[Resource]) -> None:
        """From now on *versions* are all that is served of the resource at *home*."""
        others = {path: each for path, each in self._served.items() if each.home != home}
        new = {(each.group, each.version, each.plural): each for each in versions}
        self._served = {**others, **new}
