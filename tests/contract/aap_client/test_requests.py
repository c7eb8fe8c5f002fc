"""How every request of the client is written: AWX answers some spellings otherwise than one thinks."""

import json
from datetime import timedelta

import httpx
import pytest

from aap_poller.controller import Template, TemplateKind, cancel
from aap_poller.http_controller import HttpController
from aap_poller.rows import Row
from cloudkit.contracts.jobs import JobKind
from contract.aap_client.conftest import StandIn
from sandbox.aap.control import Control
from sandbox.aap.model import Status
from sandbox.aap.model import Template as StandInTemplate

CREATE = "innabox-create-compute-instance"
FLOW = f"{CREATE}-workflow"
VARIABLES = {"cloudkit_job": "lab/vm-fail/uid-1/1", "ansible_eda": {"event": {"payload": {}}}}
RESERVED = {"limit", "search", "order", "host_filter", "no_truncate", "validate"}
"""What lists of jobs take for something else than a filter."""


@pytest.fixture
def asked(client: httpx.AsyncClient) -> list[httpx.Request]:
    """Every request so far."""
    requests: list[httpx.Request] = []

    async def note(request: httpx.Request) -> None:
        requests.append(request)

    client.event_hooks["request"].append(note)
    return requests


@pytest.fixture
async def everything(
    aap: HttpController, stand_in: StandIn, control: Control, asked: list[httpx.Request]
) -> list[httpx.Request]:
    """The requests of every call that there is, on a failed job and on a workflow job."""
    for name in (CREATE, FLOW):
        (template,) = await aap.templates(name)
        row = await aap.launch(template, VARIABLES)
        await aap.changed_since(row.created, [template.id])
        await aap.changed_since(None, [template.id])
        await aap.jobs([str(row.id)])
        await aap.job(None, str(row.id))
        await aap.job(row.type, str(row.id))
        since, until = row.created - timedelta(minutes=1), row.created + timedelta(minutes=1)
        assert [one.id async for one in aap.created_between(since, until, [template.id])] == [row.id]
        await cancel(aap, row)  # it may have ended meanwhile
        await control.force(row.id, Status.FAILED)
        await aap.failure(await _now(aap, row))
    assert {request.method for request in asked} == {"GET", "POST"}
    return asked


async def _now(aap: HttpController, row: Row) -> Row:
    now = await aap.job(row.type, str(row.id))
    assert now is not None
    return now


async def test_every_url_ends_with_a_slash_so_that_no_redirect_turns_a_launch_into_a_question(
    everything: list[httpx.Request],
) -> None:
    assert [request.url for request in everything if not request.url.path.endswith("/")] == []


async def test_nothing_is_named_in_a_url_that_has_an_id(everything: list[httpx.Request]) -> None:
    assert [request.url for request in everything if "innabox" in request.url.path] == []


async def test_no_list_is_filtered_by_what_awx_refuses_or_takes_for_something_else(
    everything: list[httpx.Request],
) -> None:
    lists = [request for request in everything if not request.url.path.endswith("/job_events/")]
    filters = {name for request in lists for name in request.url.params}
    assert not {name for name in filters if name.startswith(("extra_vars", "artifacts", "job_args"))}
    assert not filters & RESERVED


async def test_no_list_asks_for_more_rows_than_awx_gives(everything: list[httpx.Request]) -> None:
    sizes = [int(request.url.params.get("page_size", "1")) for request in everything]
    assert max(sizes) <= 200


async def test_no_list_of_jobs_is_counted(everything: list[httpx.Request]) -> None:
    lists = [one for one in everything if one.url.path.endswith(("/v2/jobs/", "/v2/workflow_jobs/"))]
    assert lists
    assert all("count_disabled" in request.url.params for request in lists)


async def test_what_was_modified_is_never_asked_for_since_awx_forgets_to_say_so(
    everything: list[httpx.Request],
) -> None:
    assert not [request.url for request in everything if "modified" in str(request.url)]


async def test_the_end_of_a_workflow_is_among_the_changes_though_it_is_not_modified(
    aap: HttpController, control: Control
) -> None:
    (template,) = await aap.templates(FLOW)
    row = await aap.launch(template, VARIABLES)
    started = await _now(aap, row)
    await control.force(row.id, Status.SUCCESSFUL)
    ended = await _now(aap, row)
    assert ended.finished is not None
    assert ended.finished > started.created
    changed = await aap.changed_since(ended.finished, [template.id])
    assert [one.id for one in changed] == [row.id]


@pytest.mark.parametrize("variables", [{"cloudkit_job": "lab/vm/uid-1/1"}, {"ansible_eda": {"ü": 1}}])
async def test_a_launch_is_an_object_in_json_and_says_so(
    aap: HttpController, asked: list[httpx.Request], variables: dict[str, object]
) -> None:
    (template,) = await aap.templates(CREATE)
    await aap.launch(template, variables)
    launch = asked[-1]
    assert launch.headers["Content-Type"] == "application/json"
    assert json.loads(launch.content)["extra_vars"] == variables


async def test_a_workflow_job_is_asked_for_and_canceled_among_workflow_jobs_alone(
    aap: HttpController, control: Control, asked: list[httpx.Request]
) -> None:
    put = await control.put_template(StandInTemplate(name="sliced", job_slice_count=2))
    template = Template(id=put.id, name="sliced", type=TemplateKind.JOB, ask_variables_on_launch=True)
    row = await aap.launch(template, VARIABLES)
    assert row.type is JobKind.WORKFLOW_JOB
    asked.clear()
    assert await aap.job(row.type, str(row.id)) is not None
    await aap.cancel(row.type, str(row.id))
    assert {request.url.path for request in asked} == {
        f"/api/controller/v2/workflow_jobs/{row.id}/",
        f"/api/controller/v2/workflow_jobs/{row.id}/cancel/",
    }
