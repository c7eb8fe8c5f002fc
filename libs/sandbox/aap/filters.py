"""List filters: ``?status__in=pending,running&or__finished__gte=…&order_by=-id``.

All clauses must hold, and one of the ``or__`` clauses, if there are any. The wording of refusals is
that of Django and django-ansible-base.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, TypeAlias

from sandbox.aap.answers import bad_request, forbidden

Params: TypeAlias = Iterable[tuple[str, str]]

RESERVED = frozenset(
    {
        "page", "page_size", "format", "order", "order_by", "search", "type", "host_filter", "count_disabled",
        "no_truncate", "limit", "validate",
    }
)  # fmt: skip
"""Parameters that never filter."""
PROTECTED = frozenset({"extra_vars", "job_args", "job_env", "start_args", "survey_passwords"})
_PREFIXES = ("or", "not", "chain")


class Type(Enum):
    """What a field holds."""

    INTEGER = auto()
    TEXT = auto()
    FLAG = auto()
    MOMENT = auto()


@dataclass(frozen=True)
class Field:
    """A field that lists can be filtered and ordered by, and how to read it from a row."""

    type: Type
    read: Callable[[Any], Any]


@dataclass(frozen=True)
class Model:
    """What is listed: the name that refusals use, and its fields."""

    name: str
    fields: Mapping[str, Field]


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One condition on one field."""

    field: str
    lookup: str
    value: Any
    read: Callable[[Any], Any]
    negated: bool = False

    def holds(self, row: object) -> bool:
        return LOOKUPS[self.lookup](self.read(row), self.value) is not self.negated


@dataclass(frozen=True)
class Filter:
    """``all`` must hold, and one of ``any`` unless it is empty."""

    all: tuple[Clause, ...] = ()
    any: tuple[Clause, ...] = ()

    def passes(self, row: object) -> bool:
        return all(clause.holds(row) for clause in self.all) and (
            not self.any or any(clause.holds(row) for clause in self.any)
        )


def _compare(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """*test*, which no null passes, as in SQL."""
    return lambda actual, wanted: actual is not None and wanted is not None and test(actual, wanted)


LOOKUPS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": lambda actual, wanted: bool(actual == wanted),
    "iexact": _compare(lambda actual, wanted: str(actual).lower() == str(wanted).lower()),
    "contains": _compare(lambda actual, wanted: str(wanted) in str(actual)),
    "icontains": _compare(lambda actual, wanted: str(wanted).lower() in str(actual).lower()),
    "startswith": _compare(lambda actual, wanted: str(actual).startswith(wanted)),
    "istartswith": _compare(lambda actual, wanted: str(actual).lower().startswith(wanted.lower())),
    "endswith": _compare(lambda actual, wanted: str(actual).endswith(wanted)),
    "iendswith": _compare(lambda actual, wanted: str(actual).lower().endswith(wanted.lower())),
    "regex": _compare(lambda actual, wanted: wanted.search(str(actual)) is not None),
    "iregex": _compare(lambda actual, wanted: wanted.search(str(actual)) is not None),
    "gt": _compare(lambda actual, wanted: bool(actual > wanted)),
    "gte": _compare(lambda actual, wanted: bool(actual >= wanted)),
    "lt": _compare(lambda actual, wanted: bool(actual < wanted)),
    "lte": _compare(lambda actual, wanted: bool(actual <= wanted)),
    "in": lambda actual, wanted: actual in wanted,
    "isnull": lambda actual, wanted: (actual is None) is wanted,
}
_TEXTUAL = frozenset(LOOKUPS) - {"exact", "gt", "gte", "lt", "lte", "in", "isnull", "regex", "iregex"}


def read_filter(params: Params, model: Model) -> Filter:
    """The filter in a query string. Raises `Answer` 400 or 403."""
    every: list[Clause] = []
    some: list[Clause] = []
    for key, text in params:
        if key in RESERVED:
            continue
        prefixes, clause = _read_clause(key, text, model)
        (some if "or" in prefixes else every).append(clause)
    return Filter(tuple(every), tuple(some))


def _read_clause(key: str, text: str, model: Model) -> tuple[set[str], Clause]:
    prefixes: set[str] = set()
    parts = key.removesuffix("__int").split("__")
    while len(parts) > 1 and parts[0] in _PREFIXES:
        prefixes.add(parts.pop(0))
    lookup = parts.pop() if len(parts) > 1 and parts[-1] in LOOKUPS else "exact"
    name = "__".join(parts)
    field = _field(name, model)
    return prefixes, Clause(
        field=name,
        lookup=lookup,
        value=_read_value(field.type, lookup, text),
        read=field.read,
        negated="not" in prefixes,
    )


def _field(name: str, model: Model) -> Field:
    if (first := name.split("__", 1)[0]) in PROTECTED:
        raise forbidden(f"Filtering on {first} is not allowed.")
    if (field := model.fields.get("id" if name == "pk" else name)) is None:
        unknown = next((part for part in name.split("__") if part not in model.fields), name)
        raise bad_request(f"{model.name} has no field named '{unknown}'")
    return field


def _read_value(type: Type, lookup: str, text: str) -> Any:  # noqa: ANN401 -- what the field's type says
    if lookup in ("regex", "iregex"):
        return _read_pattern(text, lookup)
    if lookup == "isnull":
        return _read_flag(text)
    if lookup == "in":
        if not text:
            raise bad_request("cannot provide empty value for __in")
        return tuple(_read_one(type, item) for item in text.split(","))
    return text if lookup in _TEXTUAL else _read_one(type, text)


def _read_pattern(text: str, lookup: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE if lookup == "iregex" else 0)
    except re.error as error:
        raise bad_request(str(error)) from error


def _read_one(type: Type, text: str) -> Any:  # noqa: ANN401 -- what the field's type says
    if type is Type.TEXT:
        return text
    if text.lower() in ("none", "null"):
        return None
    if type is Type.FLAG:
        return _read_flag(text)
    return _read_integer(text) if type is Type.INTEGER else _read_moment(text)


def _read_integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise bad_request(_invalid(text, "value must be an integer.")) from None


def _read_flag(text: str) -> bool:
    if text.lower() in ("true", "1"):
        return True
    if text.lower() in ("false", "0"):
        return False
    raise bad_request(f'Unable to interpret "{text}" as boolean')


def _read_moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        wrong = "value has an invalid format. It must be in YYYY-MM-DD HH:MM[:ss[.uuuuuu]][TZ] format."
        raise bad_request(_invalid(text, wrong)) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _invalid(text: str, wrong: str) -> str:
    return json.dumps([f"“{text}” {wrong}"], ensure_ascii=False)


def ordered(rows: Iterable[Any], order_by: str, model: Model) -> list[Any]:
    """*rows* as ``order_by`` says, ``-`` for descending; nulls are the greatest. Raises `Answer` 400."""
    result = list(rows)
    for term in reversed([term for term in order_by.split(",") if term] or ["id"]):
        field = model.fields.get(name := term.removeprefix("-"))
        if field is None:
            choices = ", ".join(sorted(model.fields))
            raise bad_request(f"Cannot resolve keyword '{name}' into field. Choices are: {choices}")
        result.sort(key=_sort_key(field.read), reverse=term.startswith("-"))
    return result


def _sort_key(read: Callable[[Any], Any]) -> Callable[[Any], tuple[bool, Any]]:
    def key(row: object) -> tuple[bool, Any]:
        value = read(row)
        return (True, 0) if value is None else (False, value)

    return key
