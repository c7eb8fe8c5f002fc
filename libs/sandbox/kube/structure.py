"""A structural schema, read once into nodes: what may stand where, defaults, and how items are told apart.

Pruning, defaulting and the ownership of fields all walk an object beside these nodes. A built-in kind has
no schema here; `PLAIN` stands for it, which knows only what the metadata of every object is made of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.kube.objects import Json, Object, encode

IS_RESOURCE = "x-kubernetes-embedded-resource"
KEEPS_UNKNOWN = "x-kubernetes-preserve-unknown-fields"
ATOMIC, SET, MAP = "atomic", "set", "map"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What a schema says of one value.

    ``fields`` are those known by name, ``values`` is for all others. ``list_type`` and ``map_keys`` say
    what makes two items of a list the same.
    """

    fields: Mapping[str, "Node"] = field(default_factory=dict)
    values: "Node | None" = None
    items: "Node | None" = None
    keeps_unknown: bool = False
    takes_anything: bool = False
    """Whether a value stays as it is, whatever is in it."""
    nullable: bool = False
    default: bytes | None = None
    list_type: str = ATOMIC
    map_keys: tuple[str, ...] = ()
    is_atomic_map: bool = False
    defaults: tuple[tuple[str, bytes], ...] = ()
    """The fields of it that have a default, as JSON."""
    checked: tuple[tuple[str, "Node"], ...] = ()
    """The fields of it in which something may be that must not be there twice."""
    is_checked: bool = False
    """Whether there may be something like that in it, at any depth."""

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
METADATA = Node(fields={"finalizers": _FINALIZERS, "ownerReferences": _OWNERS}, takes_anything=True)
OF_RESOURCE = {"apiVersion": UNKNOWN, "kind": UNKNOWN, "metadata": METADATA}
PLAIN = Node(fields=OF_RESOURCE)


def read_structure(schema: Object) -> Node:
    """The node of a whole object with this ``openAPIV3Schema``."""
    return _read({**schema, IS_RESOURCE: True})


def _read(schema: Object) -> Node:
    fields = {name: _read(below) for name, below in schema.get("properties", {}).items()}
    if schema.get(IS_RESOURCE):
        fields |= OF_RESOURCE
    others, items = (_read_one(schema.get(keyword)) for keyword in ("additionalProperties", "items"))
    keeps_unknown = True in (schema.get("additionalProperties"), schema.get(KEEPS_UNKNOWN))
    list_type = schema.get("x-kubernetes-list-type", ATOMIC)
    checked = tuple((name, node) for name, node in fields.items() if node.is_checked)
    return Node(
        fields=fields,
        values=others,
        items=items,
        keeps_unknown=keeps_unknown,
        takes_anything=keeps_unknown and not (fields or others or items),
        nullable=bool(schema.get("nullable")),
        default=encode(schema["default"]) if "default" in schema else None,
        defaults=tuple((name, node.default) for name, node in fields.items() if node.default is not None),
        list_type=list_type,
        map_keys=tuple(schema.get("x-kubernetes-list-map-keys", ())),
        is_atomic_map=schema.get("x-kubernetes-map-type") == ATOMIC,
        checked=checked,
        is_checked=list_type in (MAP, SET)
        or bool(checked)
        or any(each and each.is_checked for each in (others, items)),
    )


def _read_one(schema: Json) -> Node | None:
    return _read(schema) if isinstance(schema, dict) else None
