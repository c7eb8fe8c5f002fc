"""Brings an object into the shape that its schema wants: nothing unknown, nothing missing, nothing twice."""

from collections.abc import Iterator
from typing import TypeAlias

from sandbox.kube.objects import Json, Object, decode, encode
from sandbox.kube.structure import ATOMIC, MAP, Node

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value: names of fields, and numbers of items."""


def prune(value: Json, node: Node) -> list[str]:
    """Drop the fields of *value* that *node* does not know, and say which: ``.spec.tags[0].junk``."""
    if node.takes_anything:
        return []
    if isinstance(value, dict):
        return _prune_object(value, node)
    if isinstance(value, list) and node.items:
        items = ((index, prune(item, node.items)) for index, item in enumerate(value))
        return [f"[{index}]{path}" for index, dropped in items for path in dropped]
    return []


def _prune_object(value: Object, node: Node) -> list[str]:
    dropped: list[str] = []
    for name in list(value):
        if known := node.fields.get(name) or node.values:
            below = value[name]
            if isinstance(below, (dict, list)):
                dropped += [f".{name}{path}" for path in prune(below, known)]
        elif not node.keeps_unknown:
            del value[name]
            dropped.append(f".{name}")
    return dropped


def fill_in_defaults(value: Json, node: Node) -> None:
    """Give *value* what it lacks; null where null may not be counts as lacking."""
    if node.takes_anything:
        return
    if isinstance(value, dict):
        _drop_nulls(value, node)
        for name, default in node.defaults:
            if name not in value:
                value[name] = decode(default)
        for name, below in value.items():
            if isinstance(below, (dict, list)) and (known := node.fields.get(name) or node.values):
                fill_in_defaults(below, known)
    elif isinstance(value, list) and node.items:
        for item in value:
            fill_in_defaults(item, node.items)


def _drop_nulls(value: Object, node: Node) -> None:
    for name in [name for name, below in value.items() if below is None]:
        if (known := node.fields.get(name)) and not known.nullable:
            del value[name]


def duplicates(value: Json, node: Node, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where a list has an item twice that may be there once, and what tells it apart."""
    if isinstance(value, list) and node.is_checked:
        yield from _duplicate_items(value, node, path)
        for index, item in enumerate(value):
            yield from duplicates(item, node.of_items(), (*path, index))
    elif isinstance(value, dict):
        for name, below in node.checked:
            if name in value:
                yield from duplicates(value[name], below, (*path, name))
        if node.values and node.values.is_checked:
            for name in value.keys() - node.fields.keys():
                yield from duplicates(value[name], node.values, (*path, name))


def _duplicate_items(items: list[Json], node: Node, path: Path) -> Iterator[tuple[Path, str]]:
    if node.list_type == ATOMIC:
        return
    seen = set()
    for index, item in enumerate(items):
        identity = node.identity(item) if node.list_type == MAP else encode(item).decode()
        if identity in seen:
            yield (*path, index), identity
        seen.add(identity)
