"""How the client asks AAP over HTTP. What its answers mean: `test_controller`."""

import pytest

from aap_poller.controller import Template, cancel
from aap_poller.http_controller import HttpController
from cloudkit.contracts.errors import Forbidden
from contract.aap_client.conftest import StandIn
from sandbox.aap.control import Control
from sandbox.aap.model import Order, User
from sandbox.aap.model import Template as StandInTemplate
from sandbox.aap.playbooks import Outcome, Rule

CREATE = "innabox-create-compute-instance"
FLOW = f"{CREATE}-workflow"
VARIABLES = {"cloudkit_job": "lab/vm/uid-1/1"}


async def the(aap: HttpController, name: str = CREATE) -> Template:
    (template,) = await aap.templates(name)
    return template


@pytest.mark.parametrize("name", ["make a vm", "R&D=create?", "größe/2#1", "a+b", "100%"])
async def test_a_template_may_have_any_name(aap: HttpController, control: Control, name: str) -> None:
    put = await control.put_template(StandInTemplate(name=name))
    assert (await the(aap, name)).id == put.id


async def test_more_jobs_than_fit_into_one_request_are_found(aap: HttpController, stand_in: StandIn) -> None:
    template = await the(aap)
    for _ in range(250):
        stand_in.state.launch(_order(stand_in), stand_in.state.now)
    rows = [row async for row in aap.created_between(None, None, {template.id})]
    flow = await aap.launch(await the(aap, FLOW), VARIABLES)
    ids = [str(row.id) for row in rows] + [str(flow.id), "99999", "eda-webhook-1"]
    found = await aap.jobs(ids)
    assert len(found) == len({row.id for row in found}) == 251


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


async def test_a_sweep_takes_two_requests(aap: HttpController, control: Control) -> None:
    template = await the(aap)
    row = await aap.launch(template, VARIABLES)
    await control.forget_requests()
    await aap.changed_since(row.created, {template.id})
    assert await control.requests() == {"GET /jobs/": 1, "GET /workflow_jobs/": 1}


async def test_a_job_of_somebody_else_may_not_be_canceled(aap: HttpController, control: Control) -> None:
    await control.add_rules(Rule(outcome=Outcome.STUCK))
    row = await aap.launch(await the(aap), VARIABLES)
    await control.add_token("the-token", User(id=77, username="another"))
    with pytest.raises(Forbidden):
        await cancel(aap, row)
