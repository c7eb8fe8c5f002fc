"""Patches of each kind, where the contract suite does not look: built-in kinds, and what goes wrong."""

from typing import Any

import pytest

from sandbox.kube.errors import ApiError
from sandbox.kube.patches import APPLY, JSON, MERGE, STRATEGIC, patch_of

CONTAINERS = [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "1"}]

STRATEGIC_PATCHES: dict[str, tuple[Any, Any, Any]] = {
    "items are merged by their key, at any depth": (
        {"containers": CONTAINERS},
        {"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}]},
        {
            "containers": [
                {
                    "name": "a",
                    "image": "1",
                    "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}],
                },
                {"name": "b", "image": "1"},
            ]
        },
    ),
    "an item is deleted by its key": (
        {"containers": CONTAINERS},
        {"containers": [{"name": "a", "$patch": "delete"}]},
        {"containers": [{"name": "b", "image": "1"}]},
    ),
    "a list without a key is replaced": ({"args": ["a", "b"]}, {"args": ["c"]}, {"args": ["c"]}),
    "an object is replaced where that is asked for": (
        {"data": {"a": "1", "b": "2"}},
        {"data": {"$patch": "replace", "c": "3"}},
        {"data": {"c": "3"}},
    ),
    "null removes": ({"data": {"a": "1", "b": "2"}}, {"data": {"a": None}}, {"data": {"b": "2"}}),
    "orders are left out": ({"a": 1}, {"$setElementOrder/containers": [], "b": 2}, {"a": 1, "b": 2}),
}
REFUSED = {
    "a JSON patch to nowhere": (JSON, [{"op": "replace", "path": "/no/where", "value": 1}], 422),
    "a JSON patch with no operation": (JSON, [{"path": "/a"}], 422),
    "a JSON patch into a text": (JSON, [{"op": "add", "path": "/name/x", "value": 1}], 422),
    "a JSON patch of numbers": (JSON, [1], 422),
    "a JSON patch that leaves no object": (JSON, [{"op": "replace", "path": "", "value": 3}], 400),
    "a merge patch that is a list": (MERGE, [], 400),
    "a strategic merge patch that is a list": (STRATEGIC, [], 400),
}


@pytest.mark.parametrize(("before", "patch", "after"), STRATEGIC_PATCHES.values(), ids=STRATEGIC_PATCHES)
def test_a_strategic_merge_patch(before: Any, patch: Any, after: Any) -> None:
    assert patch_of(STRATEGIC, is_custom=False)(before, patch) == after


@pytest.mark.parametrize(("content_type", "patch", "code"), REFUSED.values(), ids=REFUSED)
def test_a_patch_that_makes_no_sense_is_refused(content_type: str, patch: Any, code: int) -> None:
    with pytest.raises(ApiError) as refused:
        patch_of(content_type, is_custom=False)({"name": "vm"}, patch)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("content_type", "is_custom"),
    [("text/plain", False), ("text/plain", True), (STRATEGIC, True), (APPLY, True)],
)
def test_a_patch_of_a_kind_that_is_none_is_415(content_type: str, is_custom: bool) -> None:
    with pytest.raises(ApiError) as refused:
        patch_of(content_type, is_custom=is_custom)
    assert refused.value.code == 415
