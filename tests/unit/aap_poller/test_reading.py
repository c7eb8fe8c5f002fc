"""One job that cannot be read must not hide the others, nor be taken for one that is gone."""

import json
from typing import Any

import pytest
from prometheus_client import REGISTRY

from aap_poller.reading import LONG_AGO, REMEMBERED, Reader
from aap_poller.rows import Row
from cloudkit.contracts.errors import Malformed, Unanswered
from cloudkit.contracts.jobs import JobKind, JobState

JOB = JobKind.JOB
FINE = {"id": 7, "type": "job", "status": "running", "created": "2026-01-01T00:00:00Z", "extra_vars": "{}"}


def encoded(*rows: Any) -> bytes:
    return json.dumps({"results": rows}).encode()


def read(row: Any) -> Row:
    return Reader().page(encoded(row), JOB).rows[0]


def test_a_page_that_is_fine_is_read_as_it_is() -> None:
    page = Reader().page(encoded(FINE, {**FINE, "id": 8}), JOB)
    assert [row.id for row in page.rows] == [7, 8]
    assert (page.size, page.lacks) == (2, 0)


ODD: dict[str, dict[str, Any]] = {
    "a time of another form": {"created": "yesterday"},
    "a start of another form": {"started": 5},
    "a status that is no word": {"status": 5},
    "no status": {"status": None},
    "a status of tomorrow": {"status": "hibernating"},
    "a type of tomorrow": {"type": "quantum_job"},
    "an explanation that is no text": {"job_explanation": {"why": "so"}},
    "fields of tomorrow": {"mood": "fine"},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_job_with_an_odd_field_is_still_known_and_has_not_ended(odd: dict[str, Any]) -> None:
    row = read({**FINE, **odd})
    assert (row.id, row.type, row.extra_vars, row.active) == (7, JOB, "{}", True)


@pytest.mark.parametrize("missing", ["type", "status", "created"])
def test_a_job_that_lacks_a_field_is_still_known(missing: str) -> None:
    row = read({name: value for name, value in FINE.items() if name != missing})
    assert (row.id, row.active) == (7, True)


def test_what_can_be_read_of_an_odd_job_counts() -> None:
    row = read({**FINE, "status": "failed", "created": "?", "started": "?"})
    assert (row.state, row.created, row.started) == (JobState.FAILED, LONG_AGO, None)


@pytest.mark.parametrize("bad", [{"id": "x"}, {"id": None}, {"extra_vars": 5}, {"extra_vars": []}], ids=str)
def test_a_job_of_which_nobody_can_say_whose_it_is_is_missing_and_counted(bad: dict[str, Any]) -> None:
    page = Reader().page(encoded({**FINE, "id": 1}, {**FINE, **bad}, {**FINE, "id": 9}), JOB)
    assert [row.id for row in page.rows] == [1, 9]
    assert (page.size, page.lacks) == (3, 1)


@pytest.mark.parametrize("junk", [5, "x", None, [], {}], ids=str)
def test_what_is_no_job_at_all_hides_no_other(junk: Any) -> None:
    page = Reader().page(encoded(junk, FINE), JOB)
    assert ([row.id for row in page.rows], page.lacks) == ([7], 1)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"results": 5}', b'{"results": [{"id": "x"}]}', b'{"results": [' * 5000],
)
def test_a_page_of_which_nothing_can_be_read_is_no_answer(body: bytes) -> None:
    with pytest.raises(Unanswered):
        Reader().page(body, JOB)


def test_an_empty_page_is_an_answer() -> None:
    assert Reader().page(encoded(), JOB).rows == []


def test_the_page_of_an_odd_job_is_read_as_far_as_it_goes() -> None:
    body = json.dumps({**FINE, "created": "yesterday"}).encode()
    assert Reader().detail(body, JOB, "7").id == 7


def test_a_job_whose_page_cannot_be_read_is_neither_gone_nor_an_outage() -> None:
    with pytest.raises(Malformed, match="job 7 of AAP cannot be read"):
        Reader().detail(json.dumps({**FINE, "extra_vars": 5}).encode(), JOB, "7")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"id": 8, "extra_vars": 5}'])
def test_a_page_of_something_else_is_no_answer(body: bytes) -> None:
    with pytest.raises(Unanswered):
        Reader().detail(body, JOB, "7")


def count() -> float:
    return REGISTRY.get_sample_value("cloudkit_aap_unreadable_jobs_total") or 0.0


def test_each_job_that_cannot_be_read_is_told_of_once() -> None:
    reader, before = Reader(), count()
    for _ in range(5):
        reader.page(encoded({**FINE, "created": "?"}, {**FINE, "id": "x"}), JOB)
    assert count() == before + 2


def test_what_is_remembered_of_such_jobs_does_not_grow() -> None:
    reader = Reader()
    for id in range(REMEMBERED + 10):
        reader.page(encoded({**FINE, "id": id, "created": "?"}), JOB)
    assert len(reader._told) == REMEMBERED
