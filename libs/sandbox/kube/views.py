"""How objects are shown: as they are, as rows of a table, or by their metadata alone.

A client says which in its Accept header. Answers and the events of a watch are made here, as bytes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from sandbox.kube.errors import ApiError
from sandbox.kube.events import shown
from sandbox.kube.lists import Page
from sandbox.kube.objects import Object, Stored, encode
from sandbox.kube.resources import EVENTS, Resource
from sandbox.kube.tables import partial, table

READABLE = re.compile(r"application/(json|\*)|yaml|\*/\*")


class View(Protocol):
    """One way to show the objects of one resource."""

    def one(self, stored: Stored) -> bytes: ...

    def many(self, page: Page) -> bytes: ...


def read_view(resource: Resource, accept: str, query: Mapping[str, str]) -> View:
    """The view that a client accepts. Raises `ApiError` if it takes nothing that we have."""
    if accept and not READABLE.search(accept):
        raise ApiError(
            406,
            "NotAcceptable",
            "only the following media types are accepted: application/json, application/yaml",
        )
    if "as=Table" in accept:
        return Table(resource, query.get("includeObject", "Metadata"))
    if "as=PartialObjectMetadata" in accept:
        return MetadataAlone()
    return AnEvent(resource) if resource.home == EVENTS else AsItIs(resource)


class AsItIs:
    """The objects themselves. Lists of what is built in do not repeat kind and apiVersion in each item."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def one(self, stored: Stored) -> bytes:
        return stored.raw

    def many(self, page: Page) -> bytes:
        return b'{"apiVersion":"%s","kind":"%s","metadata":%s,"items":[%s]}' % (
            self._resource.group_version.encode(),
            self._resource.list_kind.encode(),
            encode(page.metadata),
            b",".join(self._item(each) for each in page.items),
        )

    def _item(self, stored: Stored) -> bytes:
        return stored.raw if self._resource.is_custom else encode(_without_kind(stored.body))


class AnEvent(AsItIs):
    """Events, under the names that their group has for their fields."""

    def one(self, stored: Stored) -> bytes:
        return encode(shown(stored.body, self._resource.group))

    def _item(self, stored: Stored) -> bytes:
        return encode(_without_kind(shown(stored.body, self._resource.group)))


class Table:
    """What kubectl prints. Only the first table of a watch says what the columns are."""

    def __init__(self, resource: Resource, include: str) -> None:
        self._resource = resource
        self._include = include
        self._head = True

    def one(self, stored: Stored) -> bytes:
        version = stored.metadata.get("resourceVersion", "")  # None yet, in a dry run.
        return self._rows([stored], {"resourceVersion": version})

    def many(self, page: Page) -> bytes:
        return self._rows(page.items, page.metadata)

    def _rows(self, items: Sequence[Stored], metadata: Object) -> bytes:
        head, self._head = self._head, False
        bodies = (each.body for each in items)
        return encode(table(self._resource, bodies, metadata, self._include, head=head))


class MetadataAlone:
    def one(self, stored: Stored) -> bytes:
        return encode(partial(stored.body))

    def many(self, page: Page) -> bytes:
        items = [partial(each.body) for each in page.items]
        return encode(
            {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": page.metadata,
                "items": items,
            }
        )


def _without_kind(body: Object) -> Object:
    return {name: value for name, value in body.items() if name not in ("kind", "apiVersion")}
