"""The manual test scenarios of the reference document, typed into a shell with the real kubectl."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from e2e.commands import KUBECTL, run
from e2e.world import World, open_world, plan
from sandbox.aap.playbooks import Rule
from sandbox.aap.subjects import Purpose

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("[0-9]*.sh"))


@pytest.fixture(scope="module")
async def patient_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One in which a failed job stays failed for a while, and people can follow."""
    settings = {"CLOUDKIT_RETRY_BASE": "2m"}
    async with open_world(plan(tmp_path_factory.mktemp("scenarios"), environment=settings)) as world:
        await world.aap.add_rules(
            Rule(name="test-ci-cancel", purpose=Purpose.PROVISION, seconds=60),
            Rule(name="test-ci-*", seconds=1, pending_seconds=0.7),
        )
        yield world
        await world.finish()


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
async def test_a_scenario_shows_what_the_document_promises(patient_world: World, scenario: Path) -> None:
    stack = patient_world.stack
    access = {
        "AAP_URL": f"{stack.aap.url}/v2",
        "AAP_TOKEN": stack.aap.token,
        "OPERATOR_LOG": str(stack.process("aap-poller").log),
    }
    typed = await run("bash", str(scenario), kubeconfig=stack.kubeconfig, environment=access)
    assert typed.code == 0, f"{typed.out}\n{typed.err}"
