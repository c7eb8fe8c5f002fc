"""Tables: what ``kubectl get`` prints, with the columns that a definition asks for."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sandbox.kube.objects import Json, Object
from sandbox.kube.paths import look_up
from sandbox.kube.resources import Column, Resource

NAME = Column("Name", "string", ".metadata.name", "name")
AGE = Column("Age", "date", ".metadata.creationTimestamp")
MINUTE, HOUR, DAY = 60, 3600, 86400


def table(
    resource: Resource, bodies: Iterable[Object], metadata: Object, include: str, *, head: bool = True
) -> Object:
    """*include* says what a row shows of its object: Object, Metadata or None. *head*: with the columns."""
    columns = columns_of(resource)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in columns] if head else None,
        "rows": [_row(columns, body, include) for body in bodies],
    }


def partial(body: Object) -> Object:
    """*body* without all but its metadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": body["metadata"],
    }


def columns_of(resource: Resource) -> tuple[Column, ...]:
    has_age = any(column.name == AGE.name for column in resource.columns)
    return (NAME, *resource.columns) if has_age else (NAME, *resource.columns, AGE)


def _definition(column: Column) -> Object:
    return {
        "name": column.name,
        "type": "string" if column is AGE else column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def _row(columns: tuple[Column, ...], body: Object, include: str) -> Object:
    row: Object = {"cells": [_cell(column, body) for column in columns]}
    if include != "None":
        row["object"] = body if include == "Object" else partial(body)
    return row


def _cell(column: Column, body: Object) -> Json:
    value = look_up(column.path, body)
    return _age(str(value)) if column.type == "date" and value else value


def _age(time: str) -> str:
    try:
        since = datetime.now(UTC) - datetime.fromisoformat(time)
    except (ValueError, TypeError):  # no time at all, or one without its offset
        return "<unknown>"
    seconds = int(since.total_seconds())
    for unit, size, until in (("s", 1, 2 * MINUTE), ("m", MINUTE, 2 * HOUR), ("h", HOUR, 2 * DAY)):
        if seconds < until:
            return f"{seconds // size}{unit}"
    return f"{seconds // DAY}d"
