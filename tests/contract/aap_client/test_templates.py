"""Looking templates up, and finding jobs of templates that are no more."""

import msgspec
import pytest

from aap_poller.controller import Template, TemplateKind
from aap_poller.http_controller import HttpController
from aap_poller.refusals import explained
from cloudkit.contracts.errors import Refused
from contract.aap_client.conftest import StandIn
from sandbox.aap.control import Control
from sandbox.aap.faults import Fault, FaultKind
from sandbox.aap.model import Template as StandInTemplate
from sandbox.aap.model import TemplateKind as StandInKind

CREATE = "innabox-create-compute-instance"
FLOW = f"{CREATE}-workflow"
VARIABLES = {"cloudkit_job": "lab/vm/uid-1/1"}


async def the(aap: HttpController, name: str) -> Template:
    (template,) = await aap.templates(name)
    return template


@pytest.mark.parametrize("organization", ["Other", "R&D, Köln", "100% + more", "a=b"])
async def test_an_organization_narrows_a_name_down(
    aap: HttpController, control: Control, organization: str
) -> None:
    other = await control.put_template(StandInTemplate(name=CREATE, organization=organization))
    (found,) = await aap.templates(CREATE, organization)
    assert (found.id, found.organization) == (other.id, organization)
    assert {one.organization for one in await aap.templates(CREATE)} == {"Default", organization}
    assert await aap.templates(CREATE, "Nobody") == []


async def test_a_name_means_its_letters_alone(aap: HttpController, control: Control) -> None:
    await control.put_template(StandInTemplate(name=CREATE.upper()))
    await control.put_template(StandInTemplate(name=f"{CREATE}-2"))
    assert [one.name for one in await aap.templates(CREATE)] == [CREATE]


async def test_a_name_means_its_letters_alone_also_where_aap_is_less_strict(
    aap: HttpController, control: Control
) -> None:
    rows = [{"id": id, "type": "job_template", "name": name} for id, name in ((7, "VM"), (8, "vm"))]
    body = msgspec.json.encode({"results": rows}).decode()
    path = "/unified_job_templates/"
    await control.add_faults(Fault(kind=FaultKind.ANSWER, method="GET", path=path, status=200, body=body))
    (found,) = await aap.templates("vm")
    assert (found.id, found.organization) == (8, "")


async def test_one_request_finds_both_kinds_and_whether_they_prompt(
    aap: HttpController, control: Control
) -> None:
    await control.put_template(StandInTemplate(name="vm", ask_variables_on_launch=True))
    workflow = StandInKind.WORKFLOW_JOB_TEMPLATE
    await control.put_template(StandInTemplate(name="vm", kind=workflow, ask_variables_on_launch=False))
    await control.forget_requests()
    found = {one.type: one.ask_variables_on_launch for one in await aap.templates("vm")}
    assert found == {TemplateKind.JOB: True, TemplateKind.WORKFLOW: False}
    assert await control.requests() == {"GET /unified_job_templates/": 1}


async def test_more_templates_of_a_name_than_fit_on_a_page_are_no_trouble(
    aap: HttpController, stand_in: StandIn
) -> None:
    for number in range(250):
        stand_in.state.put_template(StandInTemplate(name="vm", organization=f"org-{number}"))
    assert len(await aap.templates("vm")) == 200


async def test_jobs_outlive_their_template_and_are_listed_with_those_of_others(
    aap: HttpController, control: Control
) -> None:
    orphan = await aap.launch(await the(aap, CREATE), VARIABLES)
    other = await aap.launch(await the(aap, FLOW), VARIABLES)
    await control.remove_templates([(await the(aap, CREATE)).id])
    again = await control.put_template(StandInTemplate(name=CREATE))
    listed = [row.id async for row in aap.created_between(orphan.created, None, {again.id})]
    assert orphan.id in listed
    assert other.id not in listed
    assert await aap.changed_since(orphan.created, {again.id}) == []


async def test_a_workflow_template_changed_since_its_lookup_is_known_by_what_it_says(
    aap: HttpController, control: Control
) -> None:
    flow = await the(aap, FLOW)
    kind = StandInKind.WORKFLOW_JOB_TEMPLATE
    await control.put_template(
        StandInTemplate(id=flow.id, name=FLOW, kind=kind, ask_variables_on_launch=False)
    )
    with pytest.raises(Refused) as refused:
        await aap.launch(flow, VARIABLES)
    assert explained(refused.value, flow, VARIABLES).reason == "VariablesIgnored"


async def test_a_proxy_that_takes_no_large_launch_is_known_by_its_status(
    aap: HttpController, control: Control
) -> None:
    template = await the(aap, CREATE)
    page = "<html><head><title>413 Request Entity Too Large</title></head></html>"
    await control.add_faults(
        Fault(kind=FaultKind.ANSWER, method="POST", path="/launch/", status=413, body=page)
    )
    with pytest.raises(Refused) as refused:
        await aap.launch(template, VARIABLES)
    told = explained(refused.value, template, VARIABLES)
    assert told.reason == "PayloadTooLarge"
    assert "<" not in told.message
    assert len(await control.audit()) == 0
