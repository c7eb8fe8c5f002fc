"""What a schema makes of an object, where the contract suite does not look."""

from typing import Any

import pytest

from sandbox.kube.schema import Schema

STRING = {"type": "string"}
SET = {"type": "array", "x-kubernetes-list-type": "set", "items": STRING}
ITEMS = {"type": "array", "items": {"type": "object", "properties": {"a": STRING}}}
EMBEDDED = {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"a": STRING}}
WITH_DEFAULTS = {
    "type": "object",
    "default": {},
    "properties": {"b": {"type": "integer", "default": 1}, "c": {**STRING, "nullable": True, "default": "x"}},
}

PRUNED: dict[str, tuple[dict[str, Any], Any, Any, list[str]]] = {
    "a field below an item of a list": (ITEMS, [{"a": "1"}, {"b": "2"}], [{"a": "1"}, {}], ["it[1].b"]),
    "a field of the values of a map": (
        {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": STRING}}},
        {"any": {"a": "1", "b": "2"}},
        {"any": {"a": "1"}},
        ["it.any.b"],
    ),
    "nothing where any value may be": (
        {"type": "object", "additionalProperties": True},
        {"b": 1},
        {"b": 1},
        [],
    ),
    "not the kind of an embedded resource": (
        EMBEDDED,
        {"kind": "K", "apiVersion": "v1", "metadata": {"name": "x"}, "a": "1", "b": "2"},
        {"kind": "K", "apiVersion": "v1", "metadata": {"name": "x"}, "a": "1"},
        ["it.b"],
    ),
}
DEFAULTS = {
    "of a missing object, and of what is missing in it": ({}, {"it": {"b": 1, "c": "x"}}),
    "of what is null and may not be": ({"it": {"b": None, "c": "y"}}, {"it": {"b": 1, "c": "y"}}),
    "not of what is null and may be": ({"it": {"b": 2, "c": None}}, {"it": {"b": 2, "c": None}}),
    "not of what is there": ({"it": {"b": 2, "c": ""}}, {"it": {"b": 2, "c": ""}}),
}
MISTAKES: dict[str, tuple[dict[str, Any], Any, dict[str, str]]] = {
    "a limit that is excluded": (
        {"type": "integer", "minimum": 3, "exclusiveMinimum": True},
        3,
        {"it": "FieldValueInvalid"},
    ),
    "a limit that is not excluded": ({"type": "integer", "minimum": 3, "exclusiveMinimum": False}, 3, {}),
    "null where it may be": ({**STRING, "nullable": True}, None, {}),
    "an int or a string": ({"x-kubernetes-int-or-string": True}, 1.5, {"it": "FieldValueInvalid"}),
    "a format that JSON Schema knows and Kubernetes does not": ({**STRING, "format": "time"}, "noon", {}),
    "an item of a set, twice": (
        SET,
        ["a", "b", "a"],
        {"it[2]": "FieldValueDuplicate"},
    ),
    "an item of a plain list, twice": ({"type": "array", "items": SET}, [["a"], ["a"]], {}),
}


def schema_of(it: dict[str, Any]) -> Schema:
    return Schema({"type": "object", "properties": {"it": it}})


@pytest.mark.parametrize(("schema", "value", "kept", "dropped"), PRUNED.values(), ids=PRUNED)
def test_what_the_schema_does_not_know_is_dropped(
    schema: dict[str, Any], value: Any, kept: Any, dropped: list[str]
) -> None:
    body = {"kind": "Thing", "metadata": {"name": "x"}, "it": value}
    assert schema_of(schema).prune(body) == dropped
    assert body == {"kind": "Thing", "metadata": {"name": "x"}, "it": kept}


@pytest.mark.parametrize(("body", "filled"), DEFAULTS.values(), ids=DEFAULTS)
def test_defaults_are_filled_in(body: dict[str, Any], filled: dict[str, Any]) -> None:
    schema_of(WITH_DEFAULTS).fill_in_defaults(body)
    assert body == filled


def test_a_default_is_not_shared_between_objects() -> None:
    schema = schema_of({"type": "object", "default": {}, "x-kubernetes-preserve-unknown-fields": True})
    one: dict[str, Any] = {}
    other: dict[str, Any] = {}
    for body in (one, other):
        schema.fill_in_defaults(body)
    one["it"]["changed"] = True
    assert other == {"it": {}}


@pytest.mark.parametrize(("schema", "value", "causes"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_found(schema: dict[str, Any], value: Any, causes: dict[str, str]) -> None:
    found = schema_of(schema).mistakes({"it": value})
    assert {cause.field: cause.reason for cause in found} == causes


def test_what_is_no_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="strange"):
        schema_of({"type": "strange"})
