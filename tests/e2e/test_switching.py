"""Who made the machine, how far its first job has come, and who is to remove it: every combination.

All in one world in which both providers run. Each instance says by its annotation who serves it, and
changes that just before it is deleted.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.jobs import JobState, Provider
from e2e.states import (
    has_jobs,
    is_failed,
    is_held_by_a_playbook,
    is_ready,
    provision_is,
    says,
)
from e2e.stories import Told, side_by_side
from e2e.vm import Vm
from e2e.world import EDA_PATIENCE, World, open_world, plan
from sandbox.aap.faults import Fault, FaultKind
from sandbox.aap.playbooks import Outcome, Rule
from sandbox.aap.subjects import Purpose
from sandbox.eda.faults import Fault as EdaFault
from sandbox.stack import services_for

AAP, EDA = Provider.AAP, Provider.EDA
PATIENCE = 45.0
LONG = 60.0


@dataclass(frozen=True)
class Cell:
    """``state`` is how the first job stands when the instance is deleted, ``history`` are all its jobs
    in the end, and ``launches`` what AAP was made to launch, whoever asked."""

    made_by: Provider
    state: str
    removed_by: Provider
    history: tuple[str, ...]
    launches: tuple[str, ...] = ("provision", "deprovision")

    @property
    def name(self) -> str:
        return f"{self.made_by}-{self.state}"


CANCELED, SUCCEEDED, FAILED = "aap provision Canceled", "aap provision Succeeded", "aap provision Failed"
REMOVED = "aap deprovision Succeeded"
ABANDONED, DONE, NO_EVIDENCE = "eda provision Unknown", "eda provision Succeeded", "eda provision Failed"
CLEARED = "eda deprovision Succeeded"

CELLS = {
    "AAP cancels its pending job, and removes": Cell(AAP, "pending", AAP, (CANCELED, REMOVED)),
    "AAP cancels its running job, and removes": Cell(AAP, "running", AAP, (CANCELED, REMOVED)),
    "AAP finds its unconfirmed job, cancels it, and removes": Cell(AAP, "unknown", AAP, (CANCELED, REMOVED)),
    "AAP removes what it made": Cell(AAP, "succeeded", AAP, (SUCCEEDED, REMOVED)),
    "AAP removes what its failed job left": Cell(AAP, "failed", AAP, (FAILED, REMOVED)),
    "AAP cancels its pending job, and removes, since EDA would leave no trace of it": Cell(
        AAP, "pending", EDA, (CANCELED, REMOVED)
    ),
    "AAP cancels its running job, and removes, since EDA would leave no trace of it": Cell(
        AAP, "running", EDA, (CANCELED, REMOVED)
    ),
    "AAP finds its unconfirmed job, and removes, since EDA would leave no trace of it": Cell(
        AAP, "unknown", EDA, (CANCELED, REMOVED)
    ),
    "EDA removes what AAP made, once a playbook's finalizer marks it": Cell(
        AAP, "succeeded", EDA, (SUCCEEDED, CLEARED)
    ),
    "EDA removes what AAP's failed job left, once a playbook's finalizer marks it": Cell(
        AAP, "failed", EDA, (FAILED, CLEARED)
    ),
    "a playbook that waits in AAP is given up, and EDA has nothing to remove": Cell(
        EDA, "pending", EDA, (ABANDONED, CLEARED), ("provision",)
    ),
    "a playbook that runs is awaited, and EDA removes": Cell(EDA, "running", EDA, (DONE, CLEARED)),
    "an event that was lost is given up, and EDA has nothing to remove": Cell(
        EDA, "unknown", EDA, (ABANDONED, CLEARED), ()
    ),
    "EDA removes what it made": Cell(EDA, "succeeded", EDA, (DONE, CLEARED)),
    "EDA removes what its failed playbook left": Cell(EDA, "failed", EDA, (NO_EVIDENCE, CLEARED)),
    "a playbook that waits in AAP is given up, and AAP makes sure": Cell(
        EDA, "pending", AAP, (ABANDONED, REMOVED)
    ),
    "a playbook that runs is awaited, and AAP removes": Cell(EDA, "running", AAP, (DONE, REMOVED)),
    "an event that was lost is given up, and AAP makes sure": Cell(
        EDA, "unknown", AAP, (ABANDONED, REMOVED), ("deprovision",)
    ),
    "AAP removes what EDA made": Cell(EDA, "succeeded", AAP, (DONE, REMOVED)),
    "AAP removes what EDA's failed playbook left": Cell(EDA, "failed", AAP, (NO_EVIDENCE, REMOVED)),
}


def test_every_combination_is_there() -> None:
    states = ("pending", "running", "unknown", "succeeded", "failed")
    cells = {(cell.made_by, cell.state, cell.removed_by) for cell in CELLS.values()}
    assert cells == {(made, state, removed) for made in Provider for state in states for removed in Provider}


async def _is_removed(cell: Cell, vm: Vm) -> None:
    """Delete *vm* once its first job stands as *cell* says, and see what happens."""
    await REACHED[cell.made_by, cell.state](vm)
    if cell.made_by is not cell.removed_by:
        await vm.annotate(provisioning_provider=cell.removed_by)
    if (cell.made_by, cell.removed_by) == (AAP, EDA) and cell.state in ("succeeded", "failed"):
        await vm.until(is_held_by_a_playbook)
    await vm.delete()
    await vm.until_gone(within=PATIENCE)
    assert history(vm) == list(cell.history)
    assert await vm.launches() == list(cell.launches)
    for job in vm.seen()[-1].status.jobs:
        assert job.job_id == f"eda-webhook-{job.number}" if job.provider is EDA else job.job_id.isdecimal()


def history(vm: Vm) -> list[str]:
    """The jobs of *vm* as it was last seen: ``aap provision Succeeded``."""
    return [f"{job.provider} {job.type} {job.state}" for job in vm.seen()[-1].status.jobs]


def _until(is_so: Callable[[ComputeInstance], bool]) -> Callable[[Vm], Awaitable[object]]:
    async def until(vm: Vm) -> object:
        return await vm.until(is_so, within=PATIENCE)

    return until


async def _until_launched(vm: Vm) -> None:
    await vm.until_launched(1)


REACHED: dict[tuple[Provider, str], Callable[[Vm], Awaitable[object]]] = {
    (AAP, "pending"): _until(provision_is(JobState.PENDING)),
    (AAP, "running"): _until(provision_is(JobState.RUNNING)),
    (AAP, "unknown"): _until(says("Provisioned", "False", "LaunchUnconfirmed")),
    (AAP, "succeeded"): _until(is_ready),
    (AAP, "failed"): _until(is_failed),
    (EDA, "pending"): _until_launched,
    (EDA, "running"): _until(is_held_by_a_playbook),
    (EDA, "unknown"): _until(says("Provisioned", "Unknown", "WebhookSent")),
    (EDA, "succeeded"): _until(is_ready),
    (EDA, "failed"): _until(is_failed),
}
PLAYBOOKS = (
    Rule(name="aap-pending-*", purpose=Purpose.PROVISION, pending_seconds=LONG),
    Rule(name="aap-running-*", purpose=Purpose.PROVISION, seconds=LONG),
    Rule(name="aap-unknown-*", purpose=Purpose.PROVISION, seconds=LONG),
    Rule(name="eda-pending-*", purpose=Purpose.PROVISION, pending_seconds=EDA_PATIENCE + 3),
    Rule(name="eda-running-*", purpose=Purpose.PROVISION, seconds=2),
    Rule(name="*-failed-*", purpose=Purpose.PROVISION, outcome=Outcome.FAILED),
)


@pytest.fixture(scope="module")
async def switching(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A world of both providers, whose playbooks and webhooks go as the names of the instances say. What
    failed is not tried again so soon."""
    settings = {"CLOUDKIT_RETRY_BASE": "2m"}
    both = plan(tmp_path_factory.mktemp("both"), services=services_for(*Provider), environment=settings)
    async with open_world(both) as world:
        await world.aap.add_rules(*PLAYBOOKS)
        await world.eda.add_faults(EdaFault(name="^eda-unknown-", heard=False, times=None))
        yield world
        await world.finish()


@pytest.fixture(scope="module")
async def told(request: pytest.FixtureRequest, switching: World) -> AsyncIterator[Told[str]]:
    unconfirmed = await _with_unconfirmed_launches(switching)

    async def tell(sentence: str) -> None:
        cell = CELLS[sentence]
        vm = unconfirmed.get(sentence) or await switching.create(cell.name, provider=cell.made_by)
        await _is_removed(cell, vm)

    async with side_by_side(request, tell) as told:
        yield told


async def _with_unconfirmed_launches(world: World) -> dict[str, Vm]:
    """The instances whose launches get lost. AAP's faults know no names: these must be the first."""
    sentences = [
        sentence for sentence, cell in CELLS.items() if (cell.made_by, cell.state) == (AAP, "unknown")
    ]
    lost = Fault(
        kind=FaultKind.COMMIT_LATE, method="POST", path="/launch/$", times=len(sentences), seconds=12
    )
    await world.aap.add_faults(lost)
    vms = {sentence: await world.create(CELLS[sentence].name, provider=AAP) for sentence in sentences}

    async def all_were_sent() -> bool:
        requests = await world.aap.requests()
        return requests.get("POST /job_templates/{id}/launch/", 0) >= len(sentences)

    await world.eventually(all_were_sent, "AAP heard of the launches")
    return vms


@pytest.mark.parametrize("story", CELLS)
async def test_the_machine_is_removed_by_who_can_be_seen_to_remove_it(told: Told[str], story: str) -> None:
    await told[story]


async def test_a_job_of_aap_is_canceled_before_eda_removes_the_machine(switching: World) -> None:
    vm = await switching.create("taken-over", provider=EDA)
    await vm.until(is_ready)
    await switching.aap.add_rules(Rule(name=vm.name, purpose=Purpose.PROVISION, seconds=LONG))
    await vm.annotate(provisioning_provider=AAP)
    await vm.change(vcpu=4)
    await vm.until(provision_is(JobState.RUNNING))
    await vm.annotate(provisioning_provider=EDA)
    await vm.delete()
    await vm.until_gone()
    assert history(vm) == [DONE, CANCELED, CLEARED]
    assert await vm.launches() == ["provision", "provision", "deprovision"]


async def test_a_machine_that_both_have_made_is_removed_by_aap_with_what_playbooks_left(
    switching: World,
) -> None:
    vm = await switching.create("migrated", provider=EDA)
    await vm.until(is_ready)
    await vm.annotate(provisioning_provider=AAP)
    await vm.change(vcpu=4)
    await vm.until(has_jobs(2))
    migrated = await vm.until(is_ready)
    assert is_held_by_a_playbook(migrated)
    await vm.delete_and_see_it_go()
    assert history(vm) == [DONE, SUCCEEDED, REMOVED]
    assert await vm.webhooks() == ["provision"]
