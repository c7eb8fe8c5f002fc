"""Messages, resources and answers as they must not be, made from good ones.

::

    poisoned   good ──► one to three of its values replaced, removed or doubled, perhaps cut off
    spoiled    good ──► each of its values, in turn, replaced by each odd one

JSON text comes out, for some of it is what no writer of JSON would write.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

HUGE = "@huge@"
DEEP = "@deep@"
INFINITE = "@infinite@"
RAW = {
    f'"{HUGE}"': "9" * 5000,
    f'"{DEEP}"': "[" * 3000 + "]" * 3000,
    f'"{INFINITE}"': "1e999",
}
"""What Python's own writer does not write."""

TIMES = (
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00+23:59",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-01-01T00:00:60Z",
    "2026-02-30T00:00:00Z",
    "yesterday",
)
TEXTS = (
    "",
    " ",
    "\x00",
    "\r\nPUB a 1\r\nx",
    "a.b",
    ">",
    "*",
    "../../secrets/x",
    "a/b",
    "%2e%2e",
    "\ud800",
    "\udfff-",
    "\u202e",
    "\U0001f40d",
    "x" * 300,
    "é" * 2000,
    "Succeeded",
    "succeeded",
    "null",
)
NUMBERS = (0, -1, 1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**30, 0.5, -0.0, 1e308)
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [None],
    [[]],
    {"": None},
    float("nan"),
    float("inf"),
    HUGE,
    DEEP,
    INFINITE,
)

ODD_VALUES: tuple[Any, ...] = (*TEXTS, *TIMES, *NUMBERS, *ODD)

odd_values = (
    st.sampled_from(ODD_VALUES)
    | st.text(max_size=20)
    | st.integers()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
)

Place = tuple[str | int, ...]


@st.composite
def poisoned(draw: st.DrawFn, good: Any) -> bytes:
    """*good* (JSON as Python has it) after one to three accidents, as JSON text, or cut off."""
    bad = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        bad = _accident(draw, bad)
    text = _written(bad)
    if draw(st.integers(0, 9)) == 0:
        text = text[: draw(st.integers(0, len(text)))]
    return text.encode(errors="surrogatepass")


def spoiled(good: Any) -> Iterator[bytes]:
    """*good*, each time with one value that is odd."""
    for *way, last in _places(good):
        for odd in ODD_VALUES:
            bad = copy.deepcopy(good)
            parent: Any = bad
            for step in way:
                parent = parent[step]
            parent[last] = copy.deepcopy(odd)
            yield _written(bad).encode(errors="surrogatepass")


garbage = st.binary(max_size=100) | st.sampled_from(
    [
        b"",
        b"null",
        b"[]",
        b'""',
        b"0",
        b"NaN",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"<html>",
        b"[" * 100_000,
        b'{"a":' * 9000,
    ]
)


def _accident(draw: st.DrawFn, good: Any) -> Any:
    places = list(_places(good))
    if not places:
        return copy.deepcopy(draw(odd_values))
    place: Any = draw(st.sampled_from(places))
    *way, last = place
    parent: Any = good
    for step in way:
        parent = parent[step]
    match draw(st.sampled_from(("replace", "replace", "replace", "remove", "double", "wrap"))):
        case "replace":
            parent[last] = copy.deepcopy(draw(odd_values))
        case "remove":
            del parent[last]
        case "double" if isinstance(parent, list):
            parent.append(copy.deepcopy(parent[last]))
        case "double":
            parent[f"{last}@again@{draw(st.integers(0, 9))}"] = copy.deepcopy(draw(odd_values))
        case "wrap":
            parent[last] = [parent[last]]
    return good


def _places(value: Any, way: Place = ()) -> Iterator[Place]:
    inner: Iterator[tuple[str | int, Any]]
    match value:
        case dict():
            inner = iter(value.items())
        case list():
            inner = iter(enumerate(value))
        case _:
            return
    for step, below in inner:
        yield (*way, step)
        yield from _places(below, (*way, step))


def _written(value: Any) -> str:
    """A key that was doubled stands twice, as no dict could have it."""
    text = json.dumps(value)
    for token, raw in RAW.items():
        text = text.replace(token, raw)
    head, *parts = text.split("@again@")
    return head + "".join(part.lstrip("0123456789") for part in parts)
