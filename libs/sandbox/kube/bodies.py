"""What clients send: JSON, YAML, and the few objects that kubectl sends as protobuf."""

import msgspec
import yaml

from sandbox.kube.errors import bad_request, unsupported_media_type
from sandbox.kube.objects import Json, Object, decode
from sandbox.kube.protobuf import CONTENT_TYPE as PROTOBUF
from sandbox.kube.protobuf import UnknownObject, read_object

UNRECOGNIZED = "the object provided is unrecognized"


def read_body(content_type: str, raw: bytes) -> Object:
    """The object in *raw*; what is called YAML may be JSON, which is read faster.

    Raises `ApiError` if there is none.
    """
    if content_type == PROTOBUF:
        return _read_protobuf(raw)
    is_yaml = "yaml" in content_type and not raw.lstrip().startswith(b"{")
    body = _read_yaml(raw) if is_yaml else read_json(raw)
    if not isinstance(body, dict):
        raise bad_request(UNRECOGNIZED)
    return body


def read_json(raw: bytes) -> Json:
    try:
        return decode(raw)
    except msgspec.DecodeError as error:
        raise bad_request(f"{UNRECOGNIZED}: {error}") from error


def _read_yaml(raw: bytes) -> Json:
    try:
        return yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise bad_request(f"{UNRECOGNIZED}: {error}") from error


def _read_protobuf(raw: bytes) -> Object:
    try:
        return read_object(raw)
    except UnknownObject as error:
        raise unsupported_media_type(f"{error}; `kubectl apply -f` sends JSON") from error
