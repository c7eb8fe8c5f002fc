"""What our services do in Kubernetes is what `deploy/base/rbac.yaml` lets them do: no less, and no more.

The services live through whatever brings them to Kubernetes, each with a token of its own. The API server
lets them do everything, and notes it.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from cloudkit.contracts.jobs import Provider
from e2e.states import has_jobs, is_ready, says
from e2e.vm import Vm
from e2e.world import World, open_world, plan
from rights import NAMESPACE, account, granted, granted_by_role, mounts_a_token
from sandbox.aap.playbooks import Outcome, Rule
from sandbox.kube import crd_path
from sandbox.kube.access import write_access
from sandbox.kube.accounts import Accounts, Right
from sandbox.kube.server import serve
from sandbox.stack import SERVICES, services_for
from status_writer.turns import LEASE as STATUS_WRITERS_LEASE

SPEAK_TO_KUBERNETES = ("watcher", "status-writer")
GRANTED = granted()
LEASE = {"status-writer": {"CLOUDKIT_LEASE": f"{NAMESPACE}/{STATUS_WRITERS_LEASE}"}}
"""As in a pod."""


@dataclass
class Notebook:
    """Who did what."""

    used: dict[str, set[Right]] = field(default_factory=lambda: {account(one): set() for one in SERVICES})

    def note(self, user: str, right: Right) -> bool:
        self.used[user].add(right)
        return True


@pytest.fixture(scope="module")
async def used(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[Right]]:
    """What each user did in a life that was full of everything."""
    notebook = Notebook()
    async with _world(tmp_path_factory.mktemp("rights"), notebook) as world:
        await world.aap.add_rules(Rule(name="failing-*", outcome=Outcome.FAILED))
        await _live(world)
        for service in SPEAK_TO_KUBERNETES:
            await world.stack.process(service).stop()  # tells what is still to be told
    return notebook.used


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_do_what_it_does_and_nothing_else(used: Mapping[str, set[Right]], service: str) -> None:
    does = used[account(service)]
    assert sorted(does - GRANTED[service]) == [], "the manifest lacks them"
    assert sorted(GRANTED[service] - does) == [], "nobody needs them"


def test_whoever_runs_jobs_may_do_nothing_and_gets_no_token() -> None:
    assert {service for service in SERVICES if GRANTED[service]} == set(SPEAK_TO_KUBERNETES)
    assert mounts_a_token() == {service: service in SPEAK_TO_KUBERNETES for service in SERVICES}


def test_the_right_to_a_lease_is_about_the_one_that_is_asked_for() -> None:
    named = {(name, right.verb) for name, right in granted_by_role()}
    assert named == {("", "create"), (STATUS_WRITERS_LEASE, "get"), (STATUS_WRITERS_LEASE, "patch")}


@asynccontextmanager
async def _world(directory: Path, notebook: Notebook) -> AsyncIterator[World]:
    """A world of both providers, on a cluster that notes who did what."""
    tokens = {account(service): f"token-of-{service}" for service in SERVICES}
    accounts = Accounts(tokens=tokens, may=notebook.note)
    async with serve(directory=directory, port=0, crds=[crd_path()], accounts=accounts) as access:
        each_its_own = {
            service: {"KUBECONFIG": str(write_access(replace(access, token=token), directory / service))}
            | LEASE.get(service, {})
            for service, token in zip(SERVICES, tokens.values(), strict=True)
        }
        wanted = plan(directory / "stack", services=services_for(*Provider))
        admin = write_access(access, directory)
        async with open_world(replace(wanted, kubeconfig=admin, environment_of=each_its_own)) as world:
            yield world


async def _live(world: World) -> None:
    """Create, change, fail, try again, pause twice for the same reason, lose the watch, and delete."""
    by_aap, by_eda = await world.create(), await world.create(provider=Provider.EDA)
    failing = await world.create("failing")
    await failing.until(has_jobs(2))  # the second one after a wake-up
    for vm in (by_aap, by_eda):
        await vm.until(is_ready)
    for vcpu in (3, 4):
        await _pause_change_and_resume(by_aap, vcpu)
    await world.stack.process("watcher").restart()
    await by_eda.change(vcpu=3)
    await by_eda.until(is_ready)
    await world.finish()


async def _pause_change_and_resume(vm: Vm, vcpu: int) -> None:
    """What is told of it is the same each time: one event, which is counted up."""
    await vm.annotate(paused="true")
    await vm.change(vcpu=vcpu)
    await vm.until(says("Provisioned", "False", "Paused"))
    await vm.annotate(paused="false")
    await vm.until(is_ready)
