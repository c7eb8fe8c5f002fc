"""Templates by name, and when they are looked up again."""

import asyncio

import pytest

from cloudkit.contracts.errors import Refused, Unreachable
from cloudkit.contracts.jobs import JobType
from sandbox.aap.model import TemplateKind
from unit.aap_poller.aap import CREATE, DELETE
from unit.aap_poller.world import Replica, World

PROVISION = JobType.PROVISION


async def refusal(replica: Replica) -> Refused:
    with pytest.raises(Refused) as refused:
        await replica.templates.find(PROVISION)
    return refused.value


async def test_a_storm_of_launches_looks_a_template_up_once(world: World, replica: Replica) -> None:
    await asyncio.gather(*(replica.templates.find(PROVISION) for _ in range(100)))
    assert world.aap.calls == ["templates"]


async def test_a_missing_template_is_looked_up_now_and_then(world: World, replica: Replica) -> None:
    (template,) = (one for one in world.aap.state.catalog if one.name == CREATE)
    world.aap.state.catalog.remove(template.id)
    for _ in range(100):
        assert (await refusal(replica)).reason == "TemplateNotFound"
    assert len(world.aap.calls) == 1
    world.aap.put_template(CREATE)
    world.clock.pass_time(10)
    assert (await replica.templates.find(PROVISION)).name == CREATE


@pytest.mark.parametrize("kind", list(TemplateKind))
async def test_a_name_that_two_templates_have_is_never_the_first_one(
    world: World, replica: Replica, kind: TemplateKind
) -> None:
    other = world.aap.put_template(CREATE, kind=kind, organization="Other")
    refused = await refusal(replica)
    assert refused.reason == "TemplateAmbiguous"
    assert f"{kind} {other.id}" in refused.message


@pytest.mark.parametrize("kind", list(TemplateKind))
async def test_a_template_that_would_ignore_our_variables_is_not_launched(
    world: World, replica: Replica, kind: TemplateKind
) -> None:
    world.aap.change_template(CREATE, ask_variables_on_launch=False, kind=kind)
    refused = await refusal(replica)
    assert refused.reason == "VariablesIgnored"
    assert "Prompt on launch" in refused.message


async def test_an_aap_that_is_away_is_not_remembered_as_a_missing_template(
    world: World, replica: Replica
) -> None:
    world.aap.failures["templates"] = [Unreachable("away", system="AAP")]
    with pytest.raises(Unreachable):
        await replica.templates.find(PROVISION)
    assert (await replica.templates.find(PROVISION)).name == CREATE


async def test_a_template_is_looked_up_again_after_a_while(world: World, replica: Replica) -> None:
    await replica.templates.find(PROVISION)
    world.aap.put_template(CREATE, organization="Other")
    world.clock.pass_time(300)
    assert (await refusal(replica)).reason == "TemplateAmbiguous"


async def test_jobs_of_every_template_are_looked_at_when_one_is_gone(world: World, replica: Replica) -> None:
    assert len(await replica.templates.ids_of_all()) == 2
    (template,) = (one for one in world.aap.state.catalog if one.name == DELETE)
    world.aap.state.catalog.remove(template.id)
    world.clock.pass_time(300)
    assert await replica.templates.ids_of_all() == frozenset()
    assert len(await replica.templates.ids()) == 1
