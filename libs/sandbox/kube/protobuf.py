"""Reads the few objects that kubectl sends as protobuf: `create namespace`, `create secret` and the like.

Everything else in the stand-in is JSON, answers to protobuf requests too. A message is read by a table
that says what each field number is; fields that the table does not know are skipped.

Source: Kubernetes' generated.proto files, and for the envelope `k8s.io/apimachinery/pkg/runtime`.
"""

import base64
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"

Value: TypeAlias = bytes | int
Read: TypeAlias = Callable[[Value], Any]
Table: TypeAlias = dict[int, tuple[str, Read]]


class UnknownObject(ValueError):
    """Raised when no table describes the kind that was sent, or when it is no such message."""


def read_object(data: bytes) -> dict[str, Any]:
    """The object in *data*, as its JSON would be. Raises `UnknownObject`."""
    if not data.startswith(MAGIC):
        raise UnknownObject("this is no Kubernetes protobuf")
    try:
        envelope = _message(data[len(MAGIC) :], ENVELOPE)
        header = envelope["typeMeta"]
        table = KINDS[header["apiVersion"], header["kind"]]
        return {**header, **_message(envelope["raw"], table)}
    except (KeyError, IndexError, UnicodeDecodeError) as error:
        raise UnknownObject(f"this protobuf cannot be read here: {error}") from error


def _message(data: bytes, table: Table) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for number, value in _fields(data):
        if number not in table:
            continue
        name, convert = table[number]
        _put(read, name, convert(value))
    return {name: value for name, value in read.items() if value not in ("", {})}


def _put(read: dict[str, Any], name: str, value: object) -> None:
    """Set a field; entries of a map and of a list come one by one, and add up."""
    match read.get(name), value:
        case dict() as known, dict() as more:
            known.update(more)
        case list() as known, list() as more:
            known.extend(more)
        case _:
            read[name] = value


def _fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """Each field's number and value: an int, or the bytes of a string or message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, at = _varint(data, at)
            yield number, value
        elif wire_type == 2:
            size, at = _varint(data, at)
            yield number, data[at : at + size]
            at += size
        else:
            raise UnknownObject(f"no field of ours has wire type {wire_type}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _bytes(value: Value) -> bytes:
    if isinstance(value, int):
        raise UnknownObject("a number stands where bytes belong")
    return value


def _text(value: Value) -> str:
    return _bytes(value).decode()


def _base64(value: Value) -> str:
    return base64.b64encode(_bytes(value)).decode()


def _texts(value: Value) -> list[str]:
    return [_text(value)]


def _nested(table: Table) -> Read:
    return lambda value: _message(_bytes(value), table)


def _map(convert: Read) -> Read:
    """One entry of a map: its key is field 1, its value field 2. Either is left out when it is empty."""

    def entry(value: Value) -> dict[str, Any]:
        parts = {1: b"", 2: b"", **dict(_fields(_bytes(value)))}
        return {_text(parts[1]): convert(parts[2])}

    return entry


METADATA: Table = {
    1: ("name", _text),
    2: ("generateName", _text),
    3: ("namespace", _text),
    11: ("labels", _map(_text)),
    12: ("annotations", _map(_text)),
    14: ("finalizers", _texts),
}
RESOURCE_ATTRIBUTES: Table = {
    1: ("namespace", _text),
    2: ("verb", _text),
    3: ("group", _text),
    4: ("version", _text),
    5: ("resource", _text),
    6: ("subresource", _text),
    7: ("name", _text),
}
ACCESS_QUESTION: Table = {1: ("resourceAttributes", _nested(RESOURCE_ATTRIBUTES))}
ENVELOPE: Table = {
    1: ("typeMeta", _nested({1: ("apiVersion", _text), 2: ("kind", _text)})),
    2: ("raw", _bytes),
}
_METADATA_FIELD: Table = {1: ("metadata", _nested(METADATA))}
KINDS: dict[tuple[str, str], Table] = {
    ("v1", "Namespace"): _METADATA_FIELD,
    ("v1", "ServiceAccount"): _METADATA_FIELD,
    ("v1", "ConfigMap"): {**_METADATA_FIELD, 2: ("data", _map(_text)), 3: ("binaryData", _map(_base64))},
    ("v1", "Secret"): {**_METADATA_FIELD, 2: ("data", _map(_base64)), 3: ("type", _text)},
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview"): {
        **_METADATA_FIELD,
        2: ("spec", _nested(ACCESS_QUESTION)),
    },
}
