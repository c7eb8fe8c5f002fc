"""Server-side apply's way to merge: into what is stored goes what is applied, and out goes what is dropped.

Lists of type map and set are merged item by item; everything that is one value is replaced.
"""

from sandbox.kube.objects import Json, Object
from sandbox.kube.ownership import HERE, FieldPath, field_name, item_step
from sandbox.kube.structure import SET, Node


def merged(live: Json, applied: Json, node: Node) -> Json:
    """*live* with everything that *applied* says."""
    if node.is_one_value(applied):
        return applied
    if isinstance(applied, dict) and isinstance(live, dict):
        return _merged_object(live, applied, node)
    if isinstance(applied, list) and isinstance(live, list):
        return _merged_list(live, applied, node)
    return applied


def _merged_object(live: Object, applied: Object, node: Node) -> Object:
    new = {
        name: merged(live[name], value, node.below(name)) if name in live else value
        for name, value in applied.items()
    }
    return {**live, **new}


def _merged_list(live: list[Json], applied: list[Json], node: Node) -> list[Json]:
    if node.list_type == SET:
        return live + [item for item in applied if item not in live]
    items = {node.identity(item): item for item in live}
    for item in applied:
        identity = node.identity(item)
        items[identity] = merged(items[identity], item, node.of_items()) if identity in items else item
    return list(items.values())


def remove(value: Json, path: FieldPath, node: Node) -> None:
    """Take what is at *path* out of *value*, and what is empty without it."""
    step, below = path[0], path[1:]
    if isinstance(value, dict):
        _remove_field(value, step, below, node)
    elif isinstance(value, list):
        _remove_item(value, step, below, node)


def _remove_field(value: Object, step: str, below: FieldPath, node: Node) -> None:
    name = field_name(step)
    if name not in value:
        return
    if below:
        remove(value[name], below, node.below(name))
    if not below or value[name] in ({}, []):
        del value[name]


def _remove_item(items: list[Json], step: str, below: FieldPath, node: Node) -> None:
    index = next((index for index, item in enumerate(items) if item_step(item, node) == step), None)
    if index is None:
        return
    if below in ((), (HERE,)):
        del items[index]
    else:
        remove(items[index], below, node.of_items())
