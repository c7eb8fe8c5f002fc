"""A structural schema, read once into nodes: what may stand where, defaults, and how lists are told apart.

Pruning, defaulting and the ownership of fields all walk an object beside these nodes. A built-in kind has
no schema here; `PLAIN` stands for it, which knows only what the metadata of every object is made of.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from sandbox.kube.objects import Json, Object, decode, encode

OF_EVERY_OBJECT = frozenset({"apiVersion", "kind", "metadata"})
ATOMIC, SET, MAP = "atomic", "set", "map"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What a schema says of one value.

    ``fields`` are those known by name, ``values`` is for all others. ``is_resource``: it has apiVersion,
    kind and metadata besides. ``list_type`` and ``map_keys`` say what makes two items of a list the same.
    """

    fields: Mapping[str, "Node"] = field(default_factory=dict)
    values: "Node | None" = None
    items: "Node | None" = None
    keeps_unknown: bool = False
    is_resource: bool = False
    nullable: bool = False
    default: bytes | None = None
    list_type: str = ATOMIC
    map_keys: tuple[str, ...] = ()
    is_atomic_map: bool = False
    defaults: tuple[tuple[str, bytes], ...] = ()
    """The fields of it that have a default, as JSON."""
    has_lists_without_duplicates: bool = False
    """Whether there may be one in the value, at any depth."""

    def below(self, name: str) -> "Node":
        """The node of a field; of an unknown one, the node that knows nothing."""
        return self.fields.get(name) or self.values or UNKNOWN

    def of_items(self) -> "Node":
        return self.items or UNKNOWN

    def is_one_value(self, value: Json) -> bool:
        """Whether *value* is owned and replaced as a whole."""
        if isinstance(value, dict):
            return self.is_atomic_map
        return not isinstance(value, list) or self.list_type == ATOMIC

    def identity(self, item: Json) -> str:
        """What tells *item* of a list of type map from the others, as JSON."""
        keys = {key: item.get(key) for key in sorted(self.map_keys)} if isinstance(item, dict) else item
        return encode(keys).decode()


UNKNOWN = Node()
_FINALIZERS = Node(list_type=SET)
_OWNERS = Node(list_type=MAP, map_keys=("uid",))
METADATA = Node(fields={"finalizers": _FINALIZERS, "ownerReferences": _OWNERS})
PLAIN = Node(fields={"metadata": METADATA})


def read_structure(schema: Object) -> Node:
    """The node of a whole object with this ``openAPIV3Schema``."""
    root = _read(schema)
    return replace(root, is_resource=True, fields={**root.fields, "metadata": METADATA})


def _read(schema: Object) -> Node:
    fields = {name: _read(below) for name, below in schema.get("properties", {}).items()}
    others, items = schema.get("additionalProperties"), schema.get("items")
    values = _read(others) if isinstance(others, dict) else None
    of_items = _read(items) if isinstance(items, dict) else None
    list_type = schema.get("x-kubernetes-list-type", ATOMIC)
    nodes = [node for node in (*fields.values(), values, of_items) if node]
    return Node(
        fields=fields,
        values=values,
        items=of_items,
        keeps_unknown=others is True or bool(schema.get("x-kubernetes-preserve-unknown-fields")),
        is_resource=bool(schema.get("x-kubernetes-embedded-resource")),
        nullable=bool(schema.get("nullable")),
        default=encode(schema["default"]) if "default" in schema else None,
        list_type=list_type,
        map_keys=tuple(schema.get("x-kubernetes-list-map-keys", ())),
        is_atomic_map=schema.get("x-kubernetes-map-type") == ATOMIC,
        defaults=tuple((name, node.default) for name, node in fields.items() if node.default is not None),
        has_lists_without_duplicates=list_type in (MAP, SET)
        or any(node.has_lists_without_duplicates for node in nodes),
    )


def prune(value: Json, node: Node) -> list[str]:
    """Drop the fields of *value* that *node* does not know, and say which: ``.spec.tags[0].junk``."""
    if isinstance(value, dict):
        return _prune_object(value, node)
    if isinstance(value, list) and node.items:
        items = ((index, prune(item, node.items)) for index, item in enumerate(value))
        return [f"[{index}]{path}" for index, dropped in items for path in dropped]
    return []


def _prune_object(value: Object, node: Node) -> list[str]:
    dropped: list[str] = []
    for name, below in [*value.items()]:
        if node.is_resource and name in OF_EVERY_OBJECT:
            continue
        if known := node.fields.get(name) or node.values:
            if isinstance(below, (dict, list)):
                dropped += [f".{name}{path}" for path in prune(below, known)]
        elif not node.keeps_unknown:
            del value[name]
            dropped.append(f".{name}")
    return dropped


def fill_in_defaults(value: Json, node: Node) -> None:
    """Give *value* what it lacks; null where null may not be counts as lacking."""
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


def duplicates(
    value: Json, node: Node, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[list[str | int], str]]:
    """Where a list has an item twice that may be there once, and what tells it apart."""
    if not node.has_lists_without_duplicates:
        return
    if isinstance(value, dict):
        for name, below in value.items():
            yield from duplicates(below, node.below(name), (*path, name))
    elif isinstance(value, list):
        yield from _duplicate_items(value, node, path)
        for index, item in enumerate(value):
            yield from duplicates(item, node.of_items(), (*path, index))


def _duplicate_items(
    items: list[Json], node: Node, path: tuple[str | int, ...]
) -> Iterator[tuple[list[str | int], str]]:
    if node.list_type == ATOMIC:
        return
    seen = set()
    for index, item in enumerate(items):
        identity = node.identity(item) if node.list_type == MAP else encode(item).decode()
        if identity in seen:
            yield [*path, index], identity
        seen.add(identity)
