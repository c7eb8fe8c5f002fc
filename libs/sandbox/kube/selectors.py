"""Label and field selectors: from the query of a list or watch to a test of one object."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from sandbox.kube.errors import bad_request
from sandbox.kube.objects import Object
from sandbox.kube.paths import look_up
from sandbox.kube.resources import Resource

Test: TypeAlias = Callable[[Object], bool]
Labels: TypeAlias = Mapping[str, str]

_ONE_OF_MANY = re.compile(r"(\S+)\s+(in|notin)\s*\(([^)]*)\)")
_TERMS = re.compile(r"[^,(]+(?:\([^)]*\))?")
_FIELD = re.compile(r"([^=!]+)(==?|!=)(.*)")
ALWAYS_SELECTABLE = ("metadata.name", "metadata.namespace")


def read_selector(resource: Resource, namespace: str, name: str, query: Mapping[str, str]) -> Test | None:
    """The test that *query* asks for in the part of *resource* that the path names.

    None: everything is asked for. Raises `ApiError` for a selector that cannot be read.
    """
    tests = (
        *_of_path(namespace, name),
        *_label_tests(query.get("labelSelector", "")),
        *_field_tests(resource, query.get("fieldSelector", "")),
    )
    if len(tests) < 2:
        return tests[0] if tests else None
    return lambda body: all(test(body) for test in tests)


def _of_path(namespace: str, name: str) -> Iterator[Test]:
    if namespace:
        yield lambda body: bool(body["metadata"].get("namespace") == namespace)
    if name:
        yield lambda body: bool(body["metadata"]["name"] == name)


def _label_tests(selector: str) -> Iterator[Test]:
    for term in _TERMS.findall(selector):
        if stripped := term.strip():
            yield _of_labels(_label_test(stripped))


def _of_labels(test: Callable[[Labels], bool]) -> Test:
    return lambda body: test(body["metadata"].get("labels") or {})


def _label_test(term: str) -> Callable[[Labels], bool]:
    if many := _ONE_OF_MANY.fullmatch(term):
        return _among(many[1], {value.strip() for value in many[3].split(",")}, many[2] == "in")
    if term.replace("==", "=").count("=") > 1:
        raise bad_request(f"unable to parse requirement: found '=', expected: ',' or 'end of string': {term}")
    if "=" in term:
        label, value = (part.strip() for part in re.split("!=|==?", term))
        return _among(label, {value}, "!=" not in term)
    if term.startswith("!"):
        label = term[1:].strip()
        return lambda labels: label not in labels
    return lambda labels: term in labels


def _among(label: str, values: set[str], wanted: bool) -> Callable[[Labels], bool]:
    if wanted:
        return lambda labels: label in labels and labels[label] in values
    return lambda labels: labels.get(label) not in values


def _field_tests(resource: Resource, selector: str) -> Iterator[Test]:
    for term in filter(None, selector.split(",")):
        if not (parts := _FIELD.fullmatch(term)):
            raise bad_request(f"invalid field selector {term}")
        if resource.is_custom and parts[1] not in (*ALWAYS_SELECTABLE, *resource.selectable):
            raise bad_request(
                f'Unable to find "{resource.group_version}, Resource={resource.plural}" that match label '
                f'selector "", field selector "{term}": field label not supported: {parts[1]}'
            )
        yield _field_test(parts[1], parts[3], parts[2] != "!=")


def _field_test(path: str, wanted: str, is_wanted: bool) -> Test:
    def holds(body: Object) -> bool:
        value = look_up(path, body)
        return (("" if value is None else str(value)) == wanted) == is_wanted

    return holds
