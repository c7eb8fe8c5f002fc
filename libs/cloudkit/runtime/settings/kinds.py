"""The kinds of values a setting may have: how each is read from text, and what it expects.

A kind's `read` raises `ValueError` for text that is none; its `expected` completes the sentence
"CLOUDKIT_X must be …".
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import durationpy

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
DURATION = re.compile(
    r"0|(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+", re.ASCII
)  # durationpy forgives more than Go does
LEASE = re.compile(r"auto|off|[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-.a-z0-9]*[a-z0-9])?", re.ASCII)
LONGEST = timedelta(days=365 * 1000)
"""What is longer would leave what a date can hold."""
CREDENTIALS = re.compile(r"//[^/@\s]*@")


class Secret:
    """A value that shows itself only to who asks for it.

    Not a dataclass: what encodes any dataclass, as the logs do, would encode the value.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(***)" if self._value else "Secret()"

    __str__ = __repr__


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[T]):
    """How text becomes a value of type *T*."""

    name: str
    expected: str
    read: Callable[[str], T]
    show: Callable[[Any], str] = str
    """A value (also a bound) as one would write it."""
    conceal: Callable[[str], str] = repr
    """The text of a bad value as it may stand in an error message."""
    unset: T | None = None
    """The value of a variable that may be left out and is."""


def choice(words: type[E]) -> Kind[E]:
    """One of the words of a `StrEnum`, in upper or lower case."""
    known = {word.value.lower(): word for word in words}

    def read(value: str) -> E:
        if value.lower() not in known:
            raise ValueError(value)
        return known[value.lower()]

    return Kind(name="choice", expected=f"one of {', '.join(words)}", read=read)


def choices(known: type[E]) -> Kind[frozenset[E]]:
    """Any of the words of a `StrEnum`, separated by commas."""
    one = choice(known)

    def read(value: str) -> frozenset[E]:
        return frozenset(one.read(word.strip()) for word in value.split(","))

    return Kind(
        name="choices",
        expected=f"some of {', '.join(known)}, separated by commas",
        read=read,
        show=_show_words,
        unset=frozenset(),
    )


def optional(kind: Kind[T]) -> Kind[T | None]:
    """The same kind; the value is None as long as the variable is not set."""
    return Kind(name=kind.name, expected=kind.expected, read=kind.read, show=kind.show, conceal=kind.conceal)


def _read_words(value: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in value.split(","))
    if not all(words) or any(re.search(r"\s", word) for word in words):
        raise ValueError(value)
    return words


def _show_words(words: Iterable[str]) -> str:
    return ",".join(sorted(words))


def _read_integer(value: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", value, re.ASCII):
        raise ValueError(value)
    return int(value)


def _read_number(value: str) -> float:
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)", value, re.ASCII):
        raise ValueError(value)
    if not isfinite(number := float(value)):
        raise ValueError(value)
    return number


def _read_flag(value: str) -> bool:
    if value.lower() not in FLAGS:
        raise ValueError(value)
    return FLAGS[value.lower()]


def _read_duration(value: str) -> float:
    if not DURATION.fullmatch(value):
        raise ValueError(value)
    duration = durationpy.from_str(value)
    if duration > LONGEST:
        raise ValueError(value)
    return float(duration.total_seconds())


def _read_lease(value: str) -> str:
    if not LEASE.fullmatch(value):
        raise ValueError(value)
    return value


def _read_port(value: str) -> int | None:
    if value == "auto":
        return 0
    port = _read_integer(value)
    if not 0 <= port <= 65535:
        raise ValueError(value)
    return port or None


def _read_url(value: str, schemes: frozenset[str]) -> str:
    parts = urlsplit(value)
    if parts.scheme not in schemes or not parts.hostname or parts.port == 0 or re.search(r"\s", value):
        raise ValueError(value)
    return value


def _read_http_url(value: str) -> str:
    return _read_url(value, frozenset({"http", "https"}))


def _read_nats_urls(value: str) -> str:
    schemes = frozenset({"nats", "tls", "ws", "wss"})
    return ",".join(_read_url(url.strip(), schemes).rstrip("/") for url in value.split(","))


def _show_duration(seconds: float) -> str:
    return durationpy.to_str(timedelta(seconds=seconds)) if seconds else "0s"


def _show_number(value: float) -> str:
    return f"{value:g}"


def _show_flag(value: bool) -> str:
    return "true" if value else "false"


def _show_port(port: int | None) -> str:
    return {None: "0", 0: "auto"}.get(port, str(port))


def _without_credentials(value: str) -> str:
    return repr(CREDENTIALS.sub("//***@", value))


def _nothing_to_see(_: str) -> str:
    return "***"


text = Kind(name="text", expected="a text", read=str, unset="")
words: Kind[tuple[str, ...]] = Kind(
    name="words",
    expected="words separated by commas, such as a,b",
    read=_read_words,
    show=",".join,
    unset=(),
)
path = Kind(name="path", expected="a path", read=Path)
secret = Kind(name="secret", expected="a secret", read=Secret, conceal=_nothing_to_see, unset=Secret(""))
flag = Kind(name="flag", expected="true or false", read=_read_flag, show=_show_flag)
integer = Kind(name="integer", expected="a whole number", read=_read_integer)
number = Kind(name="number", expected="a number such as 20 or 0.5", read=_read_number, show=_show_number)
duration = Kind(
    name="duration",
    expected="a duration such as 500ms, 30s, 10m or 1h30m",
    read=_read_duration,
    show=_show_duration,
)
"""Go's syntax; the value is in seconds."""
port = Kind(
    name="port",
    expected="a port, 0 for none, or auto for one that the system chooses",
    read=_read_port,
    show=_show_port,
)
"""The value is None for no port at all, and 0, as sockets have it, for one that the system chooses."""
lease_name = Kind(
    name="lease", expected="off, auto, or a namespace and name such as system/writer", read=_read_lease
)
url = Kind(
    name="URL",
    expected="a URL such as https://host.example.com/path",
    read=_read_http_url,
    conceal=_without_credentials,
    unset="",
)
nats_urls = Kind(
    name="URLs",
    expected="URLs such as nats://host:4222, separated by commas",
    read=_read_nats_urls,
    conceal=_without_credentials,
)
