"""What a refused launch is said to be, and what becomes of the template that we knew."""

import pytest

from aap_poller.controller import Template, TemplateKind
from aap_poller.refusals import explained
from cloudkit.contracts.errors import Forbidden, NotFound, Refused, TooLarge
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.answers import DONE
from sandbox.aap.model import TemplateKind as Kind
from unit.aap_poller.aap import CREATE
from unit.aap_poller.world import Replica, World

FLOW = Template(id=40, name="make a vm", type=TemplateKind.WORKFLOW)
VARIABLES = {"cloudkit_job": "lab/vm/uid-1/1"}
NOT_ALLOWED = '400 Bad Request: {"extra_vars":["Variables cloudkit_job are not allowed on launch. Check …"]}'

CASES = {
    "a workflow template that prompts for no variables": (
        Refused(NOT_ALLOWED, status=400),
        ("VariablesIgnored", "tick 'Prompt on launch'"),
    ),
    "a survey that wants an answer": (
        Refused("variables_needed_to_start", status=400),
        ("Refused", "variables_needed_to_start"),
    ),
    "a user who may not launch": (
        Forbidden("You do not have permission", status=403),
        ("Forbidden", "Execute on template 'make a vm'"),
    ),
    "a template that is gone": (
        NotFound("Not found", status=404),
        ("TemplateNotFound", "'make a vm' is gone"),
    ),
    "a proxy that takes little": (
        Refused("413 Request Entity Too Large", status=413),
        ("PayloadTooLarge", "client_max_body_size"),
    ),
}


@pytest.mark.parametrize(("refused", "told"), CASES.values(), ids=CASES)
def test_a_refusal_is_explained(refused: Refused, told: tuple[str, str]) -> None:
    explanation = explained(refused, FLOW, VARIABLES)
    reason, words = told
    assert explanation.reason == reason
    assert words in explanation.message


async def test_a_launch_too_large_for_a_proxy_says_how_large(world: World, replica: Replica) -> None:
    world.aap.failures["launch"] = [Refused("a proxy refused", system="AAP", status=413)]
    large = {"spec": {"templateParameters": "x" * 3_000_000}}
    await replica.launch(world.provision(resource=large))
    assert (world.last.event, world.last.job.reason) == (JobEventName.DELAYED, TooLarge.reason)
    assert "about 3000" in world.last.job.message
    assert await replica.launch(world.provision()) == DONE


async def test_a_workflow_template_changed_since_its_lookup_is_looked_up_again_and_heals(
    world: World, replica: Replica
) -> None:
    world.aap.remove_template(CREATE)
    world.aap.put_template(CREATE, kind=Kind.WORKFLOW_JOB_TEMPLATE)
    await replica.templates.find(JobType.PROVISION)
    world.aap.change_template(CREATE, ask_variables_on_launch=False)
    await replica.launch(world.provision())
    assert (world.story, world.last.job.reason) == (["claimed", "delayed"], "VariablesIgnored")
    await replica.launch(world.provision())
    assert world.aap.calls.count("launch") == 1, "it was looked up again, and is not launched"
    world.aap.change_template(CREATE, ask_variables_on_launch=True)
    world.clock.pass_time(10)
    assert await replica.launch(world.provision()) == DONE


async def test_a_template_moved_to_another_id_heals_without_a_restart(world: World, replica: Replica) -> None:
    await replica.templates.find(JobType.PROVISION)
    world.aap.remove_template(CREATE)
    world.aap.put_template(CREATE)
    await replica.launch(world.provision())
    assert world.last.job.reason == "TemplateNotFound"
    assert await replica.launch(world.provision()) == DONE
