"""Steps of a workflow at which a person decides."""

import pytest

from contract.aap.conftest import CREATE, ENDED, Aap
from sandbox.aap.model import Template, TemplateKind


@pytest.fixture
async def asked(aap: Aap) -> tuple[int, int]:
    """A workflow job, and its step that waits for a person; its other step has run."""
    kind = TemplateKind.WORKFLOW_JOB_TEMPLATE
    template = Template(name="careful", kind=kind, nodes=(CREATE,), approvals=("May it?",))
    await aap.control.put_template(template)
    workflow = await aap.launched(template="careful")
    aap.clock.pass_time(ENDED)
    path = f"/workflow_jobs/{workflow}/workflow_nodes/?job__status=pending"
    [node] = (await aap.row(path))["results"]
    return workflow, node["job"]


async def test_a_workflow_waits_for_a_person_as_long_as_it_takes(aap: Aap, asked: tuple[int, int]) -> None:
    workflow, approval = asked
    aap.clock.pass_time(1_000_000)

    waiting = await aap.row(f"/workflow_approvals/{approval}/")
    assert (waiting["type"], waiting["status"], waiting["name"]) == (
        "workflow_approval",
        "pending",
        "May it?",
    )
    assert (await aap.workflow_job(workflow))["status"] == "running"


@pytest.mark.parametrize(("decision", "status"), [("approve", "successful"), ("deny", "failed")])
async def test_a_workflow_goes_on_as_the_person_decides(
    aap: Aap, asked: tuple[int, int], decision: str, status: str
) -> None:
    workflow, approval = asked

    first = await aap.http.post(f"/workflow_approvals/{approval}/{decision}/")
    again = await aap.http.post(f"/workflow_approvals/{approval}/{decision}/")
    aap.clock.pass_time(ENDED)

    assert (first.status_code, again.status_code) == (204, 400)
    assert (await aap.workflow_job(workflow))["status"] == status


async def test_what_was_denied_is_a_failed_step_without_events_and_without_a_reason(
    aap: Aap, asked: tuple[int, int]
) -> None:
    workflow, approval = asked
    await aap.control.decide(approval, approved=False)
    aap.clock.pass_time(ENDED)

    path = f"/workflow_jobs/{workflow}/workflow_nodes/?job__status__in=failed,error,canceled"
    [node] = (await aap.row(path))["results"]
    denied = await aap.row(f"/workflow_approvals/{node['job']}/")
    assert node["summary_fields"]["job"]["type"] == "workflow_approval"
    assert (denied["job_explanation"], denied["result_traceback"]) == ("", "")
    assert (await aap.http.get(f"/jobs/{approval}/")).status_code == 404
    assert (await aap.http.get(f"/jobs/{approval}/job_events/")).status_code == 404


async def test_a_canceled_workflow_waits_for_nobody(aap: Aap, asked: tuple[int, int]) -> None:
    workflow, approval = asked

    await aap.http.post(f"/workflow_jobs/{workflow}/cancel/")
    aap.clock.pass_time(ENDED)

    assert (await aap.row(f"/workflow_approvals/{approval}/"))["status"] == "canceled"
    assert (await aap.workflow_job(workflow))["status"] == "canceled"


async def test_approvals_stand_in_the_unified_list_and_not_among_jobs(
    aap: Aap, asked: tuple[int, int]
) -> None:
    _, approval = asked

    assert await aap.ids("/unified_jobs/?type=workflow_approval") == [approval]
    assert await aap.ids("/workflow_approvals/") == [approval]
    assert await aap.ids(f"/jobs/?id__in={approval}") == []
