"""What `kubectl describe computeinstance` tells a person in each state: what happened, why and since when,
what comes next, and what can be done. All side by side: they mostly wait.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from cloudkit.contracts.jobs import JobState
from e2e.commands import KUBECTL, run
from e2e.states import deprovision_is, is_failed, is_ready, provision_is, says
from e2e.stories import Told, side_by_side
from e2e.vm import Vm
from e2e.world import World, open_world, plan
from sandbox.aap.playbooks import Outcome, Rule
from sandbox.aap.subjects import Purpose

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
AT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
ANNOTATE = r"kubectl annotate computeinstance {name} -n default "
AGAIN = ANNOTATE + r'--overwrite cloudkit\.openshift\.io/retry-requested-at="\$\(date \+%s\)"'
SINCE = rf"Last Transition Time:\s+{TIME}"

HANGS = 600.0
RULES = (
    Rule(name="running-*", seconds=HANGS),
    Rule(name="changed-*", vcpu_above=4, seconds=HANGS),
    Rule(name="broken-*", seconds=0.2, outcome=Outcome.FAILED),
    Rule(name="canceled-*", seconds=HANGS),
    Rule(name="stopping-*", purpose=Purpose.PROVISION, seconds=HANGS, cancel_seconds=HANGS),
    Rule(name="going-*", purpose=Purpose.DEPROVISION, seconds=HANGS),
    Rule(name="clinging-*", purpose=Purpose.DEPROVISION, seconds=0.2, outcome=Outcome.FAILED),
)
HARSH = {"CLOUDKIT_MAX_ATTEMPTS": "1", "CLOUDKIT_AAP_DEPROVISION_TEMPLATE": "innabox-no-such-template"}
"""The settings of a world in which nothing is tried twice, and nothing can be removed."""


async def _runs(_: World, vm: Vm) -> None:
    await vm.until(provision_is(JobState.RUNNING))


async def _is_ready(_: World, vm: Vm) -> None:
    await vm.until(is_ready)


async def _has_another_spec(_: World, vm: Vm) -> None:
    await vm.until(is_ready)
    await vm.change(vcpu=8)
    await vm.until(provision_is(JobState.RUNNING))


async def _has_failed(_: World, vm: Vm) -> None:
    await vm.until(is_failed)


async def _was_canceled(world: World, vm: Vm) -> None:
    running = await vm.until(provision_is(JobState.RUNNING))
    await world.aap.cancel(int(running.status.jobs[-1].job_id))
    await vm.until(says("Stalled", "True", "Canceled"))


async def _has_another_spec_and_is_paused(_: World, vm: Vm) -> None:
    await vm.until(is_ready)
    await vm.annotate(paused="true")
    await vm.change(vcpu=3)
    await vm.until(says("Provisioned", "False", "Paused"))


async def _has_another_spec_and_is_unmanaged(_: World, vm: Vm) -> None:
    await vm.until(is_ready)
    await vm.annotate(management_state="unmanaged")
    await vm.change(vcpu=3)
    await vm.until(says("Provisioned", "False", "Unmanaged"))


async def _was_restarted(_: World, vm: Vm) -> None:
    await vm.until(is_ready)
    await vm.change(restartRequestedAt="2026-01-02T15:04:05Z")
    await vm.until(says("Ready", "False", "InProgress"))
    await vm.until(is_ready)


async def _says_what_nobody_understands(_: World, vm: Vm) -> None:
    await vm.until(is_ready)
    await vm.annotate(paused="perhaps")
    await vm.until(says("Misconfigured", "True", "InvalidAnnotation"))


async def _is_deleted_while_it_is_made(_: World, vm: Vm) -> None:
    await vm.until(provision_is(JobState.RUNNING))
    await vm.delete()
    await vm.until(says("Deprovisioned", "False", "InProgress"))


async def _is_being_removed(_: World, vm: Vm) -> None:
    await vm.until(is_ready)
    await vm.delete()
    await vm.until(deprovision_is(JobState.RUNNING))


async def _could_not_be_removed(_: World, vm: Vm) -> None:
    await vm.until(is_ready)
    await vm.delete()
    await vm.until(deprovision_is(JobState.FAILED))


async def _cannot_be_removed(_: World, vm: Vm) -> None:
    await vm.until(is_ready)
    await vm.delete()
    await vm.until(says("Deprovisioned", "False", "TemplateNotFound"))


@dataclass(frozen=True)
class State:
    """How an instance of this *name* gets there, and what is told of it then, as regular expressions."""

    name: str
    arrive: Callable[[World, Vm], Awaitable[None]]
    told: tuple[str, ...]
    harsh: bool = False


STATES = {
    "a job at work": State(
        "running",
        _runs,
        (
            r"Phase: +Progressing",
            r"Message: +Provision job \d+ is running \(attempt 1 of 5\)",
            rf"Started At: +{TIME}",
            r"Normal +JobLaunched .* Provision job \d+ was launched",
        ),
    ),
    "a machine as the spec asks": State(
        "ready",
        _is_ready,
        (
            r"Phase: +Ready",
            r"Message: +The machine is as the spec asks; nothing is left to do",
            rf"Finished At: +{TIME}",
            r"Normal +Provisioned .* Provision job \d+: Job completed successfully",
        ),
    ),
    "a running machine with a new spec": State(
        "changed",
        _has_another_spec,
        (
            r"Phase: +Progressing",
            r"Message: +The machine has version v1-\w+ of the spec, which is v1-\w+ now",
            r"Message: +There is a machine",
            r"Message: +Provision job \d+ is running",
        ),
    ),
    "a failed job": State(
        "broken",
        _has_failed,
        (
            r"Phase: +Failed",
            r"Message: +AAP job failed: .*exceeded quota",
            rf"Attempt 2 of 5 comes at {AT}; to try at once: {AGAIN}",
            rf"Next Retry At: +{TIME}",
            r"Warning +ProvisionFailed .* Provision job \d+: AAP job failed: .*exceeded quota",
            r"Normal +BackingOff ",
        ),
    ),
    "a job that failed too often": State(
        "broken",
        _has_failed,
        (
            r"Type: +Stalled",
            rf"Provision failed 1 times. Waiting for a new spec, or for: {AGAIN}",
            r"the last time: AAP job failed: .*exceeded quota",
            r"Warning +AttemptsUsedUp ",
        ),
        harsh=True,
    ),
    "a job that somebody canceled in AAP": State(
        "canceled",
        _was_canceled,
        (
            r"Phase: +Failed",
            rf"Job \d+ was canceled in AAP. Waiting for a new spec, or for: {AGAIN}",
            r"Warning +ProvisionCanceled ",
        ),
    ),
    "a pause": State(
        "paused",
        _has_another_spec_and_is_paused,
        (
            rf"Nothing is started until it is resumed: {ANNOTATE}cloudkit\.openshift\.io/paused-",
            r"Message: +There is a machine",
            r"Normal +Paused ",
        ),
    ),
    "a machine that people look after": State(
        "unmanaged",
        _has_another_spec_and_is_unmanaged,
        (
            rf"to have the spec applied: {ANNOTATE}cloudkit\.openshift\.io/management-state-",
            r"Normal +Unmanaged ",
        ),
    ),
    "a restart": State(
        "restarted",
        _was_restarted,
        (
            r"Last Restarted At: +2026-01-02T15:04:05Z",
            r"Normal +Restarted .* The restart that was asked for at 2026-01-02 15:04:05 UTC is done",
        ),
    ),
    "an annotation that nobody understands": State(
        "odd",
        _says_what_nobody_understands,
        (
            r"Type: +Misconfigured",
            r'cloudkit.openshift.io/paused says "perhaps": it may say "true" or "false"',
            r"Phase: +Ready",
            r"Warning +InvalidAnnotation ",
        ),
    ),
    "a deletion that stops a job first": State(
        "stopping",
        _is_deleted_while_it_is_made,
        (
            r"Phase: +Deleting",
            r"Message: +Provision job \d+ has to end first",
            r"Message: +Provision job \d+ is running .*; then the machine is removed",
            r"Normal +Deleting ",
        ),
    ),
    "a deletion whose job is at work": State(
        "going",
        _is_being_removed,
        (
            r"Phase: +Deleting",
            r"Message: +Deprovision job \d+ is running \(attempt 1 of 5\)",
            r"Normal +JobLaunched .* Deprovision job \d+ was launched",
        ),
    ),
    "a deletion whose job has failed": State(
        "clinging",
        _could_not_be_removed,
        (
            r"Phase: +Deleting",
            rf"Attempt 2 of 5 comes at {AT}; to try at once: {AGAIN}",
            r"Warning +DeprovisionFailed ",
        ),
    ),
    "a deletion that no job can be launched for": State(
        "stuck",
        _cannot_be_removed,
        (
            r"Phase: +Deleting",
            r"Reason: +TemplateNotFound",
            r"Tried again until it works: .*innabox-no-such-template",
            r"Warning +TemplateNotFound ",
        ),
        harsh=True,
    ),
}


@pytest.fixture(scope="module")
async def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Told[str]]:
    if KUBECTL is None:
        pytest.skip("kubectl is not installed")
    usual, harsh = (
        open_world(plan(tmp_path_factory.mktemp("describe"), environment={"CLOUDKIT_RETRY_BASE": "2m"})),
        open_world(plan(tmp_path_factory.mktemp("describe-harsh"), environment=HARSH)),
    )
    async with usual as world, harsh as harsh_world:
        await world.aap.add_rules(*RULES)
        await harsh_world.aap.add_rules(*RULES)

        async def tell(story: str) -> None:
            state = STATES[story]
            await _describe(harsh_world if state.harsh else world, state)

        async with side_by_side(request, tell) as told:
            yield told


async def _describe(world: World, state: State) -> None:
    vm = await world.create(state.name)
    await state.arrive(world, vm)
    expected = [re.compile(pattern.replace("{name}", vm.name)) for pattern in (SINCE, *state.told)]
    shown = ""

    async def all_is_told() -> bool:
        nonlocal shown
        shown = (await run(str(KUBECTL), "describe", "ci", vm.name, kubeconfig=world.stack.kubeconfig)).out
        return all(pattern.search(shown) for pattern in expected)

    try:
        await world.eventually(all_is_told, "kubectl tells all of it")
    except AssertionError:
        missing = [pattern.pattern for pattern in expected if not pattern.search(shown)]
        pytest.fail(f"{missing} not in\n{shown}")


@pytest.mark.parametrize("story", STATES)
async def test_a_person_is_told_what_happened_and_what_to_do(told: Told[str], story: str) -> None:
    await told[story]
