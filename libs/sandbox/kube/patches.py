"""Patches: from what is stored and what was sent, the object that is wanted."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import jsonpatch

from sandbox.kube.errors import ApiError, bad_request, unsupported_media_type
from sandbox.kube.objects import Json, Object

JSON, MERGE = "application/json-patch+json", "application/merge-patch+json"
STRATEGIC, APPLY = "application/strategic-merge-patch+json", "application/apply-patch+yaml"

Patch: TypeAlias = Callable[[Object, Json], Object]
"""From an object, which it may change, and what was sent, to the new object."""

MERGE_KEYS = {
    "conditions": "type",
    "containers": "name",
    "env": "name",
    "volumes": "name",
    "ports": "port",
    "ownerReferences": "uid",
}
"""Lists that a strategic merge patch merges item by item, and what tells their items apart."""


def patch_of(content_type: str, *, is_custom: bool) -> Patch:
    """How a patch sent as *content_type* is applied. Raises `ApiError` if it cannot be."""
    patch = PATCHES.get(content_type)
    if patch is None or (patch is apply_strategic_patch and is_custom):
        known = f"{JSON}, {MERGE}, {APPLY}"
        raise unsupported_media_type(
            f"the body of the request was in an unknown format - accepted media types include: {known}"
        )
    return patch


def apply_json_patch(body: Object, operations: Json) -> Object:
    if not isinstance(operations, list):
        raise bad_request(
            "error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch"
        )
    try:
        patched = jsonpatch.apply_patch(body, operations, in_place=True)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        message = f"the server rejected our request due to an error in our request: {error}"
        raise ApiError(422, "Invalid", message) from error
    return _object(patched)


def apply_merge_patch(body: Object, patch: Json) -> Object:
    return _merged(body, _object(patch))


def apply_strategic_patch(body: Object, patch: Json) -> Object:
    merged: Object = _strategic(body, _object(patch), "")
    return merged


PATCHES: Mapping[str, Patch] = {
    JSON: apply_json_patch,
    MERGE: apply_merge_patch,
    STRATEGIC: apply_strategic_patch,
}


def _object(value: Json) -> Object:
    if not isinstance(value, dict):
        raise bad_request("a merge patch, and what any patch leaves, must be an object")
    return value


def _merged(body: Json, patch: Object) -> Object:
    """*body* as RFC 7386 merges *patch* into it."""
    merged = body if isinstance(body, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value) if isinstance(value, dict) else value
    return merged


def _strategic(body: Json, patch: Json, name: str) -> Json:
    if isinstance(patch, dict):
        return _strategic_object(body, patch)
    if isinstance(patch, list) and isinstance(body, list):
        return _strategic_list(body, patch, name)
    return patch


def _strategic_object(body: Json, patch: Object) -> Object:
    said = {name: value for name, value in patch.items() if not name.startswith("$")}
    if patch.get("$patch") == "replace":
        return said
    merged = {**body} if isinstance(body, dict) else {}
    for name, value in said.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _strategic(merged.get(name), value, name)
    return merged


def _strategic_list(items: list[Json], patch: list[Json], name: str) -> list[Json]:
    if name == "finalizers":
        return items + [item for item in patch if item not in items]
    key = MERGE_KEYS.get(name)
    if key is None or not all(isinstance(item, dict) and key in item for item in (*items, *patch)):
        return patch
    merged = {item[key]: item for item in items}
    for item in patch:
        if item.get("$patch") == "delete":
            merged.pop(item[key], None)
        else:
            merged[item[key]] = _strategic_object(merged.get(item[key]), item)
    return list(merged.values())
