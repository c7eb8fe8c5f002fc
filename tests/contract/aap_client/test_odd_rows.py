"""Rows of AAP that cannot be read, in lists and on pages of their own."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from aap_poller.http_controller import PAGE_SIZE, HttpController
from cloudkit.contracts.errors import Malformed, Unanswered
from cloudkit.contracts.jobs import JobKind
from sandbox.aap.control import Control
from sandbox.aap.faults import Fault, FaultKind

FINE = {"type": "job", "status": "running", "created": "2026-01-01T00:00:00Z", "extra_vars": "{}"}


async def answer(control: Control, path: str, body: Any) -> None:
    text = json.dumps(body)
    await control.add_faults(Fault(kind=FaultKind.ANSWER, path=path, status=200, body=text))


def row(id: int, **fields: Any) -> dict[str, Any]:
    return {"id": id, **FINE, **fields}


async def test_one_bad_row_does_not_stop_a_sweep_or_a_poll(aap: HttpController, control: Control) -> None:
    rows = [row(1), row(2, created="?"), row(3, extra_vars=5), row(4)]
    await answer(control, "^/jobs/", {"results": rows})
    assert [one.id for one in await aap.jobs(["1", "2", "3", "4"])] == [1, 2, 4]
    await answer(control, "^/jobs/", {"results": rows})
    assert [one.id for one in await aap.changed_since(_since(), [31])] == [1, 2, 4]


async def test_bad_rows_do_not_end_a_list_of_many_pages(aap: HttpController, control: Control) -> None:
    first = [row(id, extra_vars=5 if id == PAGE_SIZE else "{}") for id in range(1, PAGE_SIZE + 1)]
    await answer(control, "^/jobs/", {"results": first})
    await answer(control, "^/jobs/", {"results": [row(PAGE_SIZE, extra_vars=5), row(PAGE_SIZE + 1)]})
    ids = [one.id for one in await aap.changed_since(_since(), [31])]
    assert ids == [*range(1, PAGE_SIZE), PAGE_SIZE + 1]


async def test_a_search_for_a_lost_launch_never_leaves_out_what_it_cannot_read(
    aap: HttpController, control: Control
) -> None:
    """It might be the job; to conclude that there is none would launch it twice."""
    await answer(control, "^/jobs/", {"results": [row(1), row(2, extra_vars=5)]})
    with pytest.raises(Unanswered):
        assert [one async for one in aap.created_between(None, None, [31])]


async def test_a_job_that_cannot_be_read_is_not_gone(aap: HttpController, control: Control) -> None:
    await answer(control, "^/jobs/7/", row(7, extra_vars=5))
    with pytest.raises(Malformed):
        await aap.job(JobKind.JOB, "7")


def _since() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)
