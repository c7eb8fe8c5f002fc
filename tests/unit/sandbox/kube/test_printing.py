"""What the columns of a table say: paths into objects, and ages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.kube.paths import look_up
from sandbox.kube.resources import Resource
from sandbox.kube.tables import table

CONDITIONS = [{"type": "Ready", "status": "True"}, {"type": "Stalled", "status": "False"}]
BODY: dict[str, Any] = {"status": {"phase": "Up", "jobs": [{"id": 1}, {"id": 2}], "conditions": CONDITIONS}}

PATHS = {
    ".status.phase": "Up",
    "status.phase": "Up",
    ".status.jobs[0].id": 1,
    ".status.jobs[-1:].id": 2,
    ".status.jobs[2].id": None,
    '.status.conditions[?(@.type=="Stalled")].status': "False",
    ".status.conditions[?(@.type == 'Ready')].status": "True",
    '.status.conditions[?(@.type=="Other")].status': None,
    ".status.phase.deeper": None,
    ".status.phase[0]": None,
    ".nothing[-1:].here": None,
}
AGES = {
    timedelta(seconds=0): "0s",
    timedelta(seconds=119): "119s",
    timedelta(minutes=2): "2m",
    timedelta(minutes=119): "119m",
    timedelta(hours=2): "2h",
    timedelta(hours=47): "47h",
    timedelta(days=2): "2d",
}
THINGS = Resource(plural="things", kind="Thing")


def printed(created: str) -> Any:
    body = {"metadata": {"name": "x", "creationTimestamp": created}}
    return table(THINGS, [body], {}, "None")["rows"]


@pytest.mark.parametrize(("path", "value"), PATHS.items(), ids=PATHS)
def test_a_path_leads_to_a_value_or_to_nothing(path: str, value: Any) -> None:
    assert look_up(path, BODY) == value


@pytest.mark.parametrize(("age", "text"), AGES.items(), ids=AGES.values())
def test_an_age_is_shown_in_one_unit(age: timedelta, text: str) -> None:
    created = (datetime.now(UTC) - age).isoformat()
    assert printed(created) == [{"cells": ["x", text]}]


@pytest.mark.parametrize("time", ["yesterday", "2026-01-02T03:04:05"])
def test_the_age_of_what_has_no_readable_time_is_unknown(time: str) -> None:
    assert printed(time) == [{"cells": ["x", "<unknown>"]}]
