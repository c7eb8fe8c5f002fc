"""Whatever AAP answers, to any question: an answer, or an error that says what to do next. Never a crash."""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aap_poller.aap_time import AapTime
from aap_poller.controller import Template, TemplateKind
from aap_poller.exchange import Exchange
from aap_poller.http_controller import HttpController
from aap_poller.rows import JobKey, Row, found, ours
from cloudkit.contracts.errors import ProvisionerError
from cloudkit.contracts.events import JobEvent, JobEventName, encode_event
from cloudkit.contracts.jobs import JobKind, JobRecord, JobState, JobType
from cloudkit.lifecycle.observe import advance
from cloudkit.lifecycle.texts import MAX_MESSAGE_BYTES, job_message
from cloudkit.runtime.testing import ManualClock
from unit.aap_poller.world import VM, Replica, World, variables
from unit.poison import garbage, spoiled

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = JobKey(VM, 3)
ROW = {
    "id": 7,
    "type": "job",
    "status": "failed",
    "created": "2026-01-01T00:00:00Z",
    "started": "2026-01-01T00:00:01Z",
    "finished": "2026-01-01T00:00:02Z",
    "canceled_on": None,
    "name": "make-vm",
    "launch_type": "manual",
    "unified_job_template": 3,
    "extra_vars": json.dumps(variables(KEY)),
    "job_explanation": "",
    "result_traceback": "",
    "ignored_fields": {},
}
ROWS = {"results": [ROW, {**ROW, "id": 8}]}
TEMPLATE = {
    "id": 3,
    "name": "make",
    "type": "job_template",
    "ask_variables_on_launch": True,
    "survey_enabled": False,
    "summary_fields": {"organization": {"name": "Default"}},
}
EVENTS = {"results": [{"task": "t", "host_name": "h", "event_data": {"res": {"msg": "m", "results": [{}]}}}]}
PREVIOUS = 'Previous Task Failed: {"job_type": "project_update", "job_name": "p", "job_id": "5"}'
NODES = {
    "results": [
        {"id": 1, "summary_fields": {"job": {"id": 9, "type": "job", "name": "n", "status": "failed"}}}
    ]
}
MAKE = Template(
    id=3,
    name="make",
    type=TemplateKind.JOB,
    organization="",
    ask_variables_on_launch=True,
    survey_enabled=False,
)
RUNNING = JobEvent(
    event=JobEventName.RUNNING,
    instance=VM,
    job=JobRecord(type=JobType.PROVISION, state=JobState.RUNNING, timestamp=NOW, number=3, job_id="7"),
)
A_JOB = msgspec.convert(ROW, Row)
A_WORKFLOW = msgspec.convert({**ROW, "type": "workflow_job"}, Row)

Ask = Callable[[HttpController], Awaitable[object]]
Answers = dict[str, httpx.Response]


def controller(answers: Mapping[str, tuple[int, Mapping[str, str], bytes]]) -> HttpController:
    """An AAP with one answer for each part of a path; what is not in it does not exist."""

    def answer(request: httpx.Request) -> httpx.Response:
        for part, (status, headers, body) in answers.items():
            if part in request.url.path:
                return httpx.Response(status, headers=dict(headers), content=body)
        return httpx.Response(404, json={"detail": "Not found."})

    client = httpx.AsyncClient(base_url="http://aap/api/v2/", transport=httpx.MockTransport(answer))
    exchange = Exchange(client, within=5)
    return HttpController(exchange, exchange, ManualClock())


async def created(aap: HttpController) -> list[Row]:
    return [row async for row in aap.created_between(NOW, NOW, [3])]


QUESTIONS: dict[str, tuple[Ask, str, Any]] = {
    "jobs by id": (lambda aap: aap.jobs(["7"]), "jobs/", ROWS),
    "one job": (lambda aap: aap.job(JobKind.JOB, "7"), "jobs/7", ROW),
    "one job of an unknown kind": (lambda aap: aap.job(None, "7"), "jobs/7", ROW),
    "what changed": (lambda aap: aap.changed_since(NOW, [3]), "jobs/", ROWS),
    "the newest": (lambda aap: aap.changed_since(None, [3]), "jobs/", ROWS),
    "what was created": (created, "jobs/", ROWS),
    "templates": (lambda aap: aap.templates("make"), "templates", {"results": [TEMPLATE]}),
    "a launch": (lambda aap: aap.launch(MAKE, {"a": 1}), "launch", {**ROW, "ignored_fields": {"a": {}}}),
    "a cancel": (lambda aap: aap.cancel(JobKind.JOB, "7"), "cancel", {"detail": "x"}),
    "why a job failed": (lambda aap: aap.failure(A_JOB), "job_events", EVENTS),
    "why a workflow failed": (lambda aap: aap.failure(A_WORKFLOW), "workflow_nodes", NODES),
}
each_question = pytest.mark.parametrize(("ask", "part", "good"), QUESTIONS.values(), ids=QUESTIONS)


async def asked(ask: Ask, answers: Mapping[str, tuple[int, Mapping[str, str], bytes]]) -> None:
    """Ask, and do with the answer what is done with it."""
    with suppress(ProvisionerError):
        match await ask(controller(answers)):
            case Row() as row:
                use(row)
            case list() as rows:
                for row in (one for one in rows if isinstance(one, Row)):
                    use(row)
            case str() as text:
                told = job_message(JobType.PROVISION, JobState.FAILED, text)
                assert len(told.encode()) <= MAX_MESSAGE_BYTES


def use(row: Row) -> None:
    ours(row)
    found(row, KEY)
    if (event := advance(RUNNING, row.observation(), NOW)) is not None:
        encode_event(event)


@each_question
async def test_no_odd_value_in_an_answer_is_a_crash(ask: Ask, part: str, good: Any) -> None:
    for body in spoiled(good):
        await asked(ask, {part: (200, {}, body)})


@each_question
async def test_an_answer_that_is_none_is_an_error_of_ours(ask: Ask, part: str, good: Any) -> None:
    for body in (
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"<html>",
        b"[" * 100_000,
        b'{"results": [null]}',
        b'{"x":' * 9000,
    ):
        await asked(ask, {part: (200, {}, body)})


statuses = st.sampled_from(
    [200, 201, 202, 204, 301, 302, 304, 400, 401, 403, 404, 405, 408, 409, 413, 429]
) | (st.integers(500, 599))
ODD_HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"retry-after": "soon"},
    {"retry-after": "9" * 400},
    {"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359"},
    {"retry-after": "Wed, 21 Oct 2015 07:28:00 +9999999999999"},
    {"date": "Wed, 21 Oct 2015 07:28:00 -0000", "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"},
    {"content-type": "text/html"},
    {"location": "http://[::1"},
    {"location": "//" + "x" * 9000},
)


@given(
    st.sampled_from(list(QUESTIONS.values())),
    statuses,
    st.sampled_from(ODD_HEADERS),
    garbage | st.just(b'{"detail": {"a": [1]}}'),
)
async def test_no_status_with_any_header_and_body_is_a_crash(
    question: tuple[Ask, str, Any], status: int, headers: dict[str, str], body: bytes
) -> None:
    ask, part, _ = question
    await asked(ask, {part: (status, headers, body)})


@pytest.mark.parametrize("text", ["\r\n", '"a":' + '{"a":' * 9000, '"' * 9, "[[", '"a":' + "[" * 9000])
async def test_an_explanation_that_only_looks_like_json_is_told_as_it_is(text: str) -> None:
    """One that is nested without end once ended the sweep, and with it the service."""
    job = msgspec.structs.replace(A_JOB, job_explanation=f"Previous Task Failed: {{{text}}}")
    assert "Previous Task Failed" in await controller({}).failure(job)


async def test_why_the_job_before_it_failed_is_found_for_comparison() -> None:
    job = msgspec.structs.replace(A_JOB, job_explanation=PREVIOUS)
    assert "project update 'p' failed before it" in await controller({}).failure(job)


DATES = (
    "",
    "now",
    "Wed, 21 Oct 2015 07:28:00 +9999999999999",
    "Wed, 21 Oct 2015 99:28:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 -2359",
)


@pytest.mark.parametrize("date", DATES)
async def test_an_answer_with_a_date_that_is_none_is_an_answer(date: str) -> None:
    """One with an endless offset once ended the sweep, and with it the service."""
    body = json.dumps(ROWS).encode()
    answer = httpx.MockTransport(lambda _: httpx.Response(200, headers={"date": date}, content=body))
    client, time = httpx.AsyncClient(base_url="http://aap/api/", transport=answer), AapTime(ManualClock())
    time.listen_to(client)
    aap = HttpController(Exchange(client, within=5), Exchange(client, within=5), ManualClock())
    assert [row.id for row in await aap.jobs(["7", "8"])] == [7, 8]
    assert time.age(NOW) is None


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "2026-01-01T00:00:00", "9999-12-31T23:59:59Z"])
async def test_a_job_of_an_impossible_time_does_not_end_the_sweep(
    world: World, replica: Replica, moment: str
) -> None:
    odd = json.dumps({"results": [{**ROW, "created": moment, "finished": moment}]}).encode()
    rows = await controller({"v2/jobs/": (200, {}, odd)}).jobs(["7"])
    assert len(rows) == 1
    world.aap.beside = rows
    for _ in range(3):
        await replica.sweep.once()
    await replica.launch(world.provision())
    world.clock.pass_time(60)
    await replica.sweep.once()
    assert world.last.event is JobEventName.SUCCEEDED
