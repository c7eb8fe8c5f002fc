"""Sets of fields, as ``managedFields`` names them: a path is a tuple of steps, and FieldsV1 nests them.

f:spec                  a field
k:{"type":"Ready"}      the item of a list that has this key
v:"example.com/hold"    an item of a set
.                       that the object or item is there at all
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from sandbox.kube.objects import Json, Object, encode
from sandbox.kube.structure import MAP, Node

FieldPath: TypeAlias = tuple[str, ...]
Fields: TypeAlias = dict[FieldPath, Json]
"""Each field with its value."""

HERE = "."
_FIELD, _KEY, _ITEM = "f:", "k:", "v:"
_METADATA = (_FIELD + "metadata",)
NOBODYS = frozenset(
    {
        (_FIELD + "apiVersion",),
        (_FIELD + "kind",),
        *(
            (*_METADATA, _FIELD + field)
            for field in (
                "name",
                "namespace",
                "uid",
                "resourceVersion",
                "generation",
                "creationTimestamp",
                "managedFields",
                "selfLink",
                "deletionTimestamp",
                "deletionGracePeriodSeconds",
            )
        ),
    }
)
"""Fields that are not owned by whoever sends them."""


def fields_of(body: Object, structure: Node, *, with_containers: bool = False) -> Fields:
    """Every field of *body* that somebody may own, with its value.

    *with_containers*: also that objects are there, which counts for writes other than apply.
    """
    fields = _fields(body, structure, (), with_containers)
    return {path: value for path, value in fields if path and not {path[:1], path[:2]} & NOBODYS}


def _fields(value: Json, node: Node, path: FieldPath, containers: bool) -> Iterator[tuple[FieldPath, Json]]:
    if not value or node.is_one_value(value):
        yield path, value
    elif isinstance(value, dict):
        if containers and path and path != _METADATA:
            yield (*path, HERE), None
        for name, below in value.items():
            yield from _fields(below, node.below(name), (*path, _FIELD + name), containers)
    else:
        if containers:
            yield (*path, HERE), None
        yield from _items(value, node, path, containers)


def _items(
    items: list[Json], node: Node, path: FieldPath, containers: bool
) -> Iterator[tuple[FieldPath, Json]]:
    for item in items:
        step = item_step(item, node)
        if node.list_type == MAP:
            yield (*path, step, HERE), None
            yield from _fields(item, node.of_items(), (*path, step), containers)
        else:
            yield (*path, step), item


def field_name(step: str) -> str:
    """Of a step to a field, its name."""
    return step.removeprefix(_FIELD)


def item_step(item: Json, node: Node) -> str:
    """The step from a list to one of its items."""
    return _KEY + node.identity(item) if node.list_type == MAP else _ITEM + encode(item).decode()


def written(path: FieldPath) -> str:
    """``.status.conditions[type="Ready"].status``"""
    return "".join(_written_step(step) for step in path if step != HERE)


def _written_step(step: str) -> str:
    if step.startswith(_FIELD):
        return "." + step.removeprefix(_FIELD)
    if step.startswith(_KEY):
        keys = json.loads(step.removeprefix(_KEY))
        return "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in keys.items()) + "]"
    return f"[={step.removeprefix(_ITEM)}]"


def fields_v1(paths: Iterable[FieldPath]) -> Object:
    """*paths* as ``fieldsV1`` nests them."""
    root: Object = {}
    for path in paths:
        level = root
        for step in path:
            level = level.setdefault(step, {})
    return root


def read_fields_v1(nested: Mapping[str, Json], path: FieldPath = ()) -> set[FieldPath]:
    if not nested:
        return {path}
    return {leaf for step, below in nested.items() for leaf in read_fields_v1(below, (*path, step))}
