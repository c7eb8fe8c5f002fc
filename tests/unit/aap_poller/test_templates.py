"""Templates by name, and when they are looked up again."""

import asyncio

import pytest

from aap_poller.templates import Templates
from cloudkit.contracts.errors import Forbidden, Refused, Unreachable
from cloudkit.contracts.jobs import JobType
from sandbox.aap.model import LAUNCHABLE, TemplateKind
from unit.aap_poller.aap import CREATE, DELETE
from unit.aap_poller.world import NAMES, Replica, World

PROVISION = JobType.PROVISION


async def refusal(templates: Templates) -> Refused:
    with pytest.raises(Refused) as refused:
        await templates.find(PROVISION)
    return refused.value


def of_organization(world: World, organization: str) -> Templates:
    return Templates(world.aap, world.clock, NAMES, organization)


async def test_a_storm_of_launches_looks_a_template_up_once(world: World, replica: Replica) -> None:
    await asyncio.gather(*(replica.templates.find(PROVISION) for _ in range(100)))
    assert world.aap.calls == ["templates"]


async def test_a_missing_template_is_looked_up_now_and_then(world: World, replica: Replica) -> None:
    world.aap.remove_template(CREATE)
    for _ in range(100):
        assert (await refusal(replica.templates)).reason == "TemplateNotFound"
    assert len(world.aap.calls) == 1
    world.aap.put_template(CREATE)
    world.clock.pass_time(10)
    assert (await replica.templates.find(PROVISION)).name == CREATE


@pytest.mark.parametrize("kind", LAUNCHABLE)
async def test_a_name_that_two_templates_have_is_never_the_first_one(
    world: World, replica: Replica, kind: TemplateKind
) -> None:
    other = world.aap.put_template(CREATE, kind=kind, organization="Other")
    refused = await refusal(replica.templates)
    assert refused.reason == "TemplateAmbiguous"
    assert f"{kind} {other.id}" in refused.message


async def test_an_ambiguous_name_is_told_with_every_kind_id_and_organization_and_what_to_do(
    world: World, replica: Replica
) -> None:
    first = world.aap.only_template(CREATE)
    other = world.aap.put_template(CREATE, kind=TemplateKind.WORKFLOW_JOB_TEMPLATE, organization="Other")
    told = (await refusal(replica.templates)).message
    assert f"job_template {first.id} (organization 'Default')" in told
    assert f"workflow_job_template {other.id} (organization 'Other')" in told
    assert "CLOUDKIT_AAP_ORGANIZATION" in told


async def test_hundreds_of_templates_of_one_name_are_told_in_one_line(world: World, replica: Replica) -> None:
    for number in range(200):
        world.aap.put_template(CREATE, organization=f"org-{number}")
    told = (await refusal(replica.templates)).message
    assert told.endswith(", and others")
    assert len(told) < 1000


async def test_the_organization_tells_templates_of_one_name_apart(world: World) -> None:
    other = world.aap.put_template(CREATE, organization="Other & Söhne")
    assert (await of_organization(world, "Other & Söhne").find(PROVISION)).id == other.id
    refused = await refusal(of_organization(world, "Nobody"))
    assert refused.reason == "TemplateNotFound"
    assert "'Nobody'" in refused.message


async def test_a_lookup_that_is_forbidden_says_which_role_is_missing_and_heals(
    world: World, replica: Replica
) -> None:
    world.aap.failures["templates"] = [Forbidden("AAP refused", system="AAP", status=403)]
    refused = await refusal(replica.templates)
    assert (refused.reason, refused.status) == ("Forbidden", 403)
    assert f"AAP refused. The token's user needs Read on template '{CREATE}'" in refused.message
    assert (await replica.templates.find(PROVISION)).name == CREATE


@pytest.mark.parametrize("kind", LAUNCHABLE)
async def test_a_template_that_would_ignore_our_variables_is_not_launched(
    world: World, replica: Replica, kind: TemplateKind
) -> None:
    world.aap.change_template(CREATE, ask_variables_on_launch=False, kind=kind)
    refused = await refusal(replica.templates)
    assert refused.reason == "VariablesIgnored"
    assert "Prompt on launch" in refused.message


async def test_a_survey_is_no_substitute_for_prompting(world: World, replica: Replica) -> None:
    world.aap.surveyed.add(CREATE)
    assert (await replica.templates.find(PROVISION)).survey_enabled
    world.aap.change_template(CREATE, ask_variables_on_launch=False)
    world.clock.pass_time(300)
    refused = await refusal(replica.templates)
    assert refused.reason == "VariablesIgnored"
    assert "survey" in refused.message


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
    assert (await refusal(replica.templates)).reason == "TemplateAmbiguous"


async def test_jobs_of_every_template_are_looked_at_when_one_is_gone(world: World, replica: Replica) -> None:
    assert len(await replica.templates.ids_of_all()) == 2
    world.aap.remove_template(DELETE)
    world.clock.pass_time(300)
    assert await replica.templates.ids_of_all() == frozenset()
    assert len(await replica.templates.ids()) == 1
