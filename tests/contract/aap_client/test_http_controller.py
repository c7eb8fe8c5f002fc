"""What the client asks of AAP, and what it makes of the answers."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from aap_poller.controller import Template, TemplateKind, cancel
from aap_poller.http_controller import HttpController
from aap_poller.rows import Row
from cloudkit.contracts.errors import Forbidden, NotFound, Refused
from cloudkit.contracts.jobs import JobKind, JobState
from contract.aap_client.conftest import StandIn
from sandbox.aap.control import Control
from sandbox.aap.model import Order, Status, User
from sandbox.aap.model import Template as StandInTemplate
from sandbox.aap.model import TemplateKind as StandInKind
from sandbox.aap.playbooks import Outcome, Rule

CREATE = "innabox-create-compute-instance"
DELETE = "innabox-delete-compute-instance"
FLOW = f"{CREATE}-workflow"
VARIABLES = {"cloudkit_job": "lab/vm/uid-1/1"}
DEADLINE = 10.0


async def the(aap: HttpController, name: str = CREATE) -> Template:
    (template,) = await aap.templates(name)
    return template


async def ended(aap: HttpController, row: Row) -> Row:
    async with asyncio.timeout(DEADLINE):
        while True:
            now = await aap.job(row.type, str(row.id))
            assert now is not None
            if not now.active:
                return now
            await asyncio.sleep(0.01)


async def test_a_template_is_found_by_its_exact_name(aap: HttpController) -> None:
    template = await the(aap)
    assert (template.name, template.type, template.ask_variables_on_launch) == (
        CREATE,
        TemplateKind.JOB,
        True,
    )
    assert (await the(aap, FLOW)).type is TemplateKind.WORKFLOW
    assert await aap.templates("nothing of that name") == []


@pytest.mark.parametrize("name", ["make a vm", "R&D=create?", "größe/2#1", "a+b", "100%"])
async def test_a_template_may_have_any_name(aap: HttpController, control: Control, name: str) -> None:
    put = await control.put_template(StandInTemplate(name=name))
    assert (await the(aap, name)).id == put.id


async def test_every_template_of_a_name_is_found(aap: HttpController, control: Control) -> None:
    await control.put_template(StandInTemplate(name=CREATE, organization="Other"))
    await control.put_template(StandInTemplate(name=CREATE, kind=StandInKind.WORKFLOW_JOB_TEMPLATE))
    assert len(await aap.templates(CREATE)) == 3


@pytest.mark.parametrize(("name", "kind"), [(CREATE, JobKind.JOB), (FLOW, JobKind.WORKFLOW_JOB)])
async def test_a_launch_answers_with_the_job(aap: HttpController, name: str, kind: JobKind) -> None:
    row = await aap.launch(await the(aap, name), VARIABLES)
    assert (row.type, row.state, row.ignored_fields) == (kind, JobState.PENDING, {})
    assert row.extra_vars is not None
    assert "lab/vm/uid-1/1" in row.extra_vars


async def test_the_launch_of_a_sliced_template_is_a_workflow_job(
    aap: HttpController, control: Control
) -> None:
    put = await control.put_template(StandInTemplate(name="sliced", job_slice_count=3))
    row = await aap.launch(await the(aap, "sliced"), VARIABLES)
    assert row.type is JobKind.WORKFLOW_JOB
    assert (await ended(aap, row)).state is JobState.SUCCEEDED
    rows = [row async for row in aap.created_between(None, None, {put.id})]
    assert [row.launch_type for row in rows] == ["workflow"] * 3 + ["manual"]


async def test_a_job_template_that_prompts_for_no_variables_says_what_it_ignored(
    aap: HttpController, control: Control
) -> None:
    await control.put_template(StandInTemplate(name="deaf", ask_variables_on_launch=False))
    row = await aap.launch(await the(aap, "deaf"), VARIABLES)
    assert "extra_vars" in row.ignored_fields


async def test_a_workflow_template_that_prompts_for_no_variables_refuses(
    aap: HttpController, control: Control
) -> None:
    kind = StandInKind.WORKFLOW_JOB_TEMPLATE
    await control.put_template(StandInTemplate(name="deaf", kind=kind, ask_variables_on_launch=False))
    with pytest.raises(Refused, match="cloudkit_job") as refused:
        await aap.launch(await the(aap, "deaf"), VARIABLES)
    assert refused.value.status == 400


async def test_a_template_that_is_gone_is_not_found(aap: HttpController, control: Control) -> None:
    template = await the(aap)
    await control.remove_templates([template.id])
    with pytest.raises(NotFound):
        await aap.launch(template, VARIABLES)


async def test_a_job_is_found_by_its_id_whatever_its_kind(aap: HttpController) -> None:
    job = await aap.launch(await the(aap), VARIABLES)
    flow = await aap.launch(await the(aap, FLOW), VARIABLES)
    for row in (job, flow):
        for kind in (row.type, None):
            found = await aap.job(kind, str(row.id))
            assert found is not None
            assert found.id == row.id
    assert await aap.job(JobKind.JOB, str(flow.id)) is None


@pytest.mark.parametrize("id", ["99999", "", "eda-webhook-1", "../job_templates/7", "7/cancel", "\u0667"])
async def test_an_id_that_is_none_of_a_job_finds_nothing(aap: HttpController, id: str) -> None:
    assert await aap.job(None, id) is None
    assert await aap.jobs([id]) == []


async def test_more_jobs_than_fit_into_one_request_are_found(aap: HttpController, stand_in: StandIn) -> None:
    template = await the(aap)
    for _ in range(250):
        stand_in.state.launch(_order(stand_in), stand_in.state.now)
    rows = [row async for row in aap.created_between(None, None, {template.id})]
    flow = await aap.launch(await the(aap, FLOW), VARIABLES)
    ids = [str(row.id) for row in rows] + [str(flow.id), "99999", "eda-webhook-1"]
    found = await aap.jobs(ids)
    assert len(found) == len({row.id for row in found}) == 251


async def test_jobs_that_are_all_of_one_kind_take_one_request(aap: HttpController, control: Control) -> None:
    row = await aap.launch(await the(aap), VARIABLES)
    await control.forget_requests()
    assert [found.id for found in await aap.jobs([str(row.id)])] == [row.id]
    assert await control.requests() == {"GET /jobs/": 1}


def _order(stand_in: StandIn) -> Order:
    (template,) = (one for one in stand_in.state.catalog if one.name == CREATE)
    return Order(template=template, user=User())


async def test_a_list_of_many_pages_has_every_row_once(aap: HttpController, stand_in: StandIn) -> None:
    for _ in range(450):
        stand_in.state.launch(_order(stand_in), stand_in.state.now)
    template = await the(aap)
    rows = [row.id async for row in aap.created_between(None, None, {template.id})]
    assert len(rows) == len(set(rows)) == 450
    assert rows == sorted(rows)


async def test_a_list_that_grows_while_it_is_read_skips_no_row(
    aap: HttpController, stand_in: StandIn
) -> None:
    for _ in range(300):
        stand_in.state.launch(_order(stand_in), stand_in.state.now)
    seen: list[int] = []
    async for row in aap.created_between(None, None, ()):
        if not seen:
            for _ in range(50):
                stand_in.state.launch(_order(stand_in), stand_in.state.now)
        seen.append(row.id)
    assert len(seen) == len(set(seen)) == 350


async def test_jobs_are_listed_by_when_they_were_created(aap: HttpController, stand_in: StandIn) -> None:
    template = await the(aap)
    row = await aap.launch(template, VARIABLES)
    second = timedelta(seconds=1)

    async def ids(since: Any, until: Any, templates: set[int]) -> list[int]:
        return [row.id async for row in aap.created_between(since, until, templates)]

    assert await ids(row.created, row.created + second, {template.id}) == [row.id]
    assert await ids(row.created - second, row.created, {template.id}) == []
    assert await ids(row.created + second, None, {template.id}) == []
    assert await ids(None, None, {template.id + 1}) == []
    assert await ids(None, None, set()) == [row.id]


async def test_what_was_created_or_has_ended_lately_is_listed(aap: HttpController, control: Control) -> None:
    template = await the(aap)
    await control.add_rules(Rule(outcome=Outcome.STUCK))
    old = await aap.launch(template, VARIABLES)
    new = await aap.launch(template, VARIABLES)
    since = new.created
    assert [row.id for row in await aap.changed_since(since, {template.id})] == [new.id]
    await control.force(old.id, Status.SUCCESSFUL)
    assert {row.id for row in await aap.changed_since(since, {template.id})} == {old.id, new.id}
    assert await aap.changed_since(since, {template.id + 1}) == []


async def test_without_a_time_the_newest_job_alone_is_listed(aap: HttpController) -> None:
    template = await the(aap)
    for _ in range(3):
        newest = await aap.launch(template, VARIABLES)
    assert [row.id for row in await aap.changed_since(None, {template.id})] == [newest.id]


async def test_a_sweep_takes_two_requests(aap: HttpController, control: Control) -> None:
    template = await the(aap)
    row = await aap.launch(template, VARIABLES)
    await control.forget_requests()
    await aap.changed_since(row.created, {template.id})
    assert await control.requests() == {"GET /jobs/": 1, "GET /workflow_jobs/": 1}


@pytest.mark.parametrize("name", [CREATE, FLOW])
async def test_a_job_is_canceled_at_the_url_of_its_kind(
    aap: HttpController, control: Control, name: str
) -> None:
    await control.add_rules(Rule(outcome=Outcome.STUCK))
    row = await aap.launch(await the(aap, name), VARIABLES)
    assert await cancel(aap, row)
    assert (await ended(aap, row)).state is JobState.CANCELED


@pytest.mark.parametrize("superuser", [False, True], ids=["403 for an ordinary token", "405 for a superuser"])
async def test_a_job_that_has_ended_needs_no_cancel(
    aap: HttpController, control: Control, superuser: bool
) -> None:
    await control.add_token("the-token", User(superuser=superuser))
    row = await ended(aap, await aap.launch(await the(aap), VARIABLES))
    assert not await cancel(aap, row)


async def test_a_purged_job_needs_no_cancel(aap: HttpController, control: Control) -> None:
    row = await aap.launch(await the(aap), VARIABLES)
    await control.purge(row.id)
    assert not await cancel(aap, row)


async def test_a_job_of_somebody_else_may_not_be_canceled(aap: HttpController, control: Control) -> None:
    await control.add_rules(Rule(outcome=Outcome.STUCK))
    row = await aap.launch(await the(aap), VARIABLES)
    await control.add_token("the-token", User(id=77, username="another"))
    with pytest.raises(Forbidden):
        await cancel(aap, row)


async def test_a_failed_playbook_says_task_host_and_message(aap: HttpController, control: Control) -> None:
    await control.add_rules(Rule(outcome=Outcome.FAILED))
    row = await ended(aap, await aap.launch(await the(aap), VARIABLES))
    reason = await aap.failure(row)
    assert reason.startswith("Create virtual machine on localhost: exceeded quota")
    assert reason.endswith(f" (full text: job {row.id} in AAP)")


@pytest.mark.parametrize("slices", [1, 2])
async def test_a_failed_workflow_says_what_its_failed_job_says(
    aap: HttpController, control: Control, slices: int
) -> None:
    await control.add_rules(Rule(outcome=Outcome.FAILED))
    await control.put_template(StandInTemplate(name="sliced", job_slice_count=2))
    row = await ended(aap, await aap.launch(await the(aap, FLOW if slices == 1 else "sliced"), VARIABLES))
    assert "Create virtual machine on localhost: exceeded quota" in await aap.failure(row)


async def test_a_job_that_aap_itself_broke_says_its_traceback(aap: HttpController, control: Control) -> None:
    """No list has it, only the job's own page."""
    await control.add_rules(Rule(outcome=Outcome.ERROR))
    template = await the(aap)
    await ended(aap, await aap.launch(template, VARIABLES))
    (row,) = await aap.changed_since(None, {template.id})
    assert "the execution environment could not be started" in await aap.failure(row)


async def test_a_job_that_aap_gave_up_says_why(aap: HttpController, control: Control) -> None:
    row = await aap.launch(await the(aap), VARIABLES)
    await control.force(row.id, Status.FAILED, explanation="Job terminated due to timeout")
    now = await aap.job(row.type, str(row.id))
    assert now is not None
    assert (await aap.failure(now)).startswith("Job terminated due to timeout")
