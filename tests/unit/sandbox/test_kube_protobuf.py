"""What kubectl sends as protobuf is read as the JSON that it stands for."""

import pytest

from sandbox.kube.protobuf import MAGIC, UnknownObject, read_object

CREATE_NAMESPACE_FOO = bytes.fromhex(
    "6b3873000a0f0a02763112094e616d657370616365121b"
    "0a130a03666f6f12001a0022002a0032003800420012001a020a001a002200"
)
"""What `kubectl create namespace foo` (1.32) sends."""


def length_delimited(number: int, content: bytes) -> bytes:
    assert number < 16
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def entry(number: int, key: bytes, value: bytes) -> bytes:
    return length_delimited(number, length_delimited(1, key) + length_delimited(2, value))


def envelope(kind: bytes, raw: bytes) -> bytes:
    header = length_delimited(1, b"v1") + length_delimited(2, kind)
    return MAGIC + length_delimited(1, header) + length_delimited(2, raw)


def test_a_namespace_as_kubectl_sends_it() -> None:
    assert read_object(CREATE_NAMESPACE_FOO) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "foo"},
    }


def test_the_entries_of_maps_and_lists_add_up() -> None:
    metadata = entry(11, b"tier", b"gold") + entry(11, b"region", b"east")
    metadata += length_delimited(14, b"a/b") + length_delimited(14, b"c/d")
    body = read_object(envelope(b"ConfigMap", length_delimited(1, metadata)))
    assert body["metadata"] == {
        "labels": {"tier": "gold", "region": "east"},
        "finalizers": ["a/b", "c/d"],
    }


def test_the_data_of_a_secret_becomes_base64() -> None:
    body = read_object(envelope(b"Secret", entry(2, b"password", b"\x00\xff")))
    assert body["data"] == {"password": "AP8="}


def test_an_empty_value_of_a_map_is_kept() -> None:
    body = read_object(envelope(b"ConfigMap", entry(2, b"key", b"")))
    assert body["data"] == {"key": ""}


UNREADABLE = {
    "no protobuf of Kubernetes": b'{"kind": "Namespace"}',
    "a kind without a table": envelope(b"Pod", b""),
    "an envelope without content": MAGIC,
    "a number that does not end": MAGIC + b"\xff",
    "a text that is none": envelope(b"\xff", b""),
    "a number in the place of a text": MAGIC + length_delimited(1, b"\x08\x01"),
    "a field of fixed width": MAGIC + b"\x0d\x00\x00\x00\x00",
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_an_unknown_object(data: bytes) -> None:
    with pytest.raises(UnknownObject):
        read_object(data)
