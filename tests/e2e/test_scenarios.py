"""The manual test scenarios of the reference document, typed into a shell with the real kubectl."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from cloudkit.contracts.jobs import Provider
from e2e.commands import KUBECTL, run
from e2e.stories import Told, side_by_side
from e2e.world import World, open_world, plan
from sandbox.aap.playbooks import Rule
from sandbox.aap.subjects import Purpose
from sandbox.stack import PROVIDED_BY

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("[0-9]*.sh"))
WITH_EDA = "4-eda-provider"


@pytest.fixture(scope="module")
async def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Told[Path]]:
    """All of them are typed at once."""

    def world_of(provider: Provider) -> AbstractAsyncContextManager[World]:
        return _patient_world(tmp_path_factory.mktemp(f"scenarios-{provider}"), provider)

    async with world_of(Provider.AAP) as aap, world_of(Provider.EDA) as eda:

        async def tell(scenario: Path) -> None:
            await _type(scenario, eda if scenario.stem == WITH_EDA else aap)

        async with side_by_side(request, tell) as told:
            yield told


@asynccontextmanager
async def _patient_world(directory: Path, provider: Provider) -> AsyncIterator[World]:
    """One in which a failed job stays failed for a while, and people can follow."""
    settings = {"CLOUDKIT_RETRY_BASE": "2m", "CLOUDKIT_EDA_JOB_TIMEOUT": "1m"}
    async with open_world(plan(directory, provider=provider, environment=settings)) as world:
        await world.aap.add_rules(
            Rule(name="test-ci-cancel", purpose=Purpose.PROVISION, seconds=60),
            Rule(name="test-ci-*", seconds=1, pending_seconds=0.7),
        )
        yield world
        await world.finish()


async def _type(scenario: Path, world: World) -> None:
    """Raises `AssertionError` with what was shown, unless all went as the scenario says."""
    stack = world.stack
    operator = stack.process(PROVIDED_BY[stack.plan.provider])
    environment = stack.plan.directory / "operator.env"
    settings = operator.command.environment or {}
    environment.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    access = {
        "AAP_URL": f"{stack.aap.url}/v2",
        "AAP_TOKEN": stack.aap.token,
        "OPERATOR_LOG": str(operator.log),
        "OPERATOR_ENV": str(environment),
    }
    typed = await run("bash", str(scenario), kubeconfig=stack.kubeconfig, environment=access)
    assert typed.code == 0, f"{typed.out}\n{typed.err}"


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
@pytest.mark.parametrize("story", SCENARIOS, ids=lambda path: path.stem)
async def test_a_scenario_shows_what_the_document_promises(told: Told[Path], story: Path) -> None:
    await told[story]
