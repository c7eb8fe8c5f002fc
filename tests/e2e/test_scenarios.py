"""The manual test scenarios of the reference document, typed into a shell with the real kubectl."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from e2e.commands import KUBECTL, Answered, run
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


@pytest.fixture(scope="module")
async def transcripts(patient_world: World) -> AsyncIterator[dict[Path, asyncio.Task[Answered]]]:
    """What became of each scenario; all of them are typed at once."""
    stack = patient_world.stack
    access = {
        "AAP_URL": f"{stack.aap.url}/v2",
        "AAP_TOKEN": stack.aap.token,
        "OPERATOR_LOG": str(stack.process("aap-poller").log),
    }
    typing = partial(run, "bash", kubeconfig=stack.kubeconfig, environment=access)
    tasks = {scenario: asyncio.create_task(typing(str(scenario))) for scenario in SCENARIOS}
    yield tasks
    await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
async def test_a_scenario_shows_what_the_document_promises(
    transcripts: dict[Path, asyncio.Task[Answered]], scenario: Path
) -> None:
    typed = await transcripts[scenario]
    assert typed.code == 0, f"{typed.out}\n{typed.err}"
