"""What comes of a webhook in the stand-ins for AAP and Kubernetes, as far as playbooks do it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import msgspec
import pytest

from cloudkit.contracts.instance import FINALIZER, PLAYBOOK_FINALIZERS, ComputeInstance
from cloudkit.contracts.jobs import Provider
from sandbox.aap.audit import AuditEvent
from sandbox.aap.control import Control
from sandbox.aap.faults import login_page
from sandbox.aap.playbooks import Rule
from sandbox.eda.control import Control as EdaControl
from sandbox.eda.faults import Fault
from sandbox.eda.playbooks import Playbook
from sandbox.instances import Instances, open_instances
from sandbox.stack import EdaAccess, Plan, Stack, start_stack

T = TypeVar("T")

THEIRS = PLAYBOOK_FINALIZERS[0]
PATIENCE = 10.0
SHORT_JOBS = ("--job-seconds=0.1", "--pending-seconds=0.05", "--waiting-seconds=0.05")


@dataclass(frozen=True)
class Place:
    """Stand-ins for Kubernetes, AAP and EDA; and we, who send webhooks."""

    stack: Stack
    instances: Instances
    aap: Control
    eda: EdaControl
    http: httpx.AsyncClient
    access: EdaAccess

    async def create(self, name: str) -> ComputeInstance:
        """An instance with our finalizer on it."""
        await self.instances.create(name, vcpu=1)
        return await self.instances.patch(name, {"metadata": {"finalizers": [FINALIZER]}})

    async def send(self, what: str, name: str, *, version: str = "v1") -> None:
        """Tell EDA to *what*, create or delete, the instance *name*."""
        status = {"desiredConfigVersion": version} if version else {}
        resource = {"metadata": {"namespace": "default", "name": name, "uid": "u"}, "status": status}
        answer = await self.http.post(
            f"{self.access.url}/{what}-compute-instance",
            json=resource,
            headers={"Authorization": f"Bearer {self.access.token}"},
        )
        answer.raise_for_status()

    async def happened(self, name: str) -> list[str]:
        return [f"{one.event} {one.purpose}" for one in await self.aap.audit() if one.name == name]

    async def until(self, name: str, is_so: Callable[[ComputeInstance], bool]) -> ComputeInstance:
        async def found() -> ComputeInstance | None:
            instance = await self.instances.get(name)
            return instance if instance is not None and is_so(instance) else None

        return await eventually(found)

    async def until_ended(self, name: str, jobs: int = 1) -> None:
        async def ended() -> bool:
            audit = await self.aap.audit()
            return sum(one.event is AuditEvent.FINISH for one in audit if one.name == name) == jobs

        await eventually(ended)


async def eventually(ask: Callable[[], Awaitable[T | None]]) -> T:
    async with asyncio.timeout(PATIENCE):
        while True:
            if answer := await ask():
                return answer
            await asyncio.sleep(0.03)  # between two looks at other processes


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    plan = Plan(
        directory=tmp_path_factory.mktemp("eda"),
        provider=Provider.EDA,
        services=(),
        aap_arguments=SHORT_JOBS,
    )
    async with (
        start_stack(plan) as stack,
        open_instances(stack.kubeconfig) as instances,
        Control(stack.aap.control) as aap,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        assert stack.eda is not None
        yield Place(stack, instances, aap, EdaControl(stack.eda.control, http), http, stack.eda)


def is_held(instance: ComputeInstance) -> bool:
    return THEIRS in instance.metadata.finalizers


async def test_a_machine_is_made_between_the_finalizer_and_the_answer(place: Place) -> None:
    await place.aap.add_rules(Rule(name="made", seconds=0.5))
    await place.create("made")
    await place.send("create", "made")
    held = await place.until("made", is_held)
    assert held.metadata.finalizers == (FINALIZER, THEIRS)
    assert held.reported_version == ""
    await place.until("made", lambda one: one.reported_version == "v1")
    assert "made" in [machine.name for machine in await place.aap.machines()]


async def test_a_rulebook_hands_on_the_resource_and_knows_no_job_of_ours(place: Place) -> None:
    await place.create("handed-on")
    await place.send("create", "handed-on")
    await place.until_ended("handed-on")
    job = next(one.job for one in await place.aap.audit() if one.name == "handed-on")
    headers = {"Authorization": f"Bearer {place.stack.aap.token}"}
    row = (await place.http.get(f"{place.stack.aap.url}/v2/jobs/{job}/", headers=headers)).json()
    variables: dict[str, Any] = msgspec.json.decode(row["extra_vars"])
    assert set(variables) == {"ansible_eda"}
    assert set(variables["ansible_eda"]) == {"event", "rule", "ruleset"}
    event = variables["ansible_eda"]["event"]
    assert event["payload"]["metadata"]["name"] == "handed-on"
    assert event["meta"]["endpoint"] == "create-compute-instance"
    assert "Authorization" not in event["meta"]["headers"]


async def test_playbooks_wait_while_aap_shows_everybody_a_page_to_log_in(place: Place) -> None:
    await place.aap.add_faults(login_page(path=r"/jobs/\d+/$"))
    await place.create("patient")
    await place.send("create", "patient")
    await place.until("patient", lambda one: one.reported_version == "v1")


async def test_the_machine_is_gone_before_the_finalizer(place: Place) -> None:
    await place.create("removed")
    await place.send("create", "removed")
    await place.until("removed", lambda one: one.reported_version == "v1")
    await place.instances.delete("removed")
    await place.send("delete", "removed")
    left = await place.until("removed", lambda one: not is_held(one))
    assert left.metadata.finalizers == (FINALIZER,)
    assert "removed" not in [machine.name for machine in await place.aap.machines()]


async def test_a_playbook_that_was_told_no_version_reports_an_unknown_one(place: Place) -> None:
    await place.create("vague")
    await place.send("create", "vague", version="")
    await place.until("vague", lambda one: one.reported_version == "unknown")


@pytest.mark.parametrize("instance", ["gone", "going"])
async def test_a_playbook_that_comes_too_late_makes_nothing(place: Place, instance: str) -> None:
    if instance == "going":
        await place.create(instance)
        await place.instances.delete(instance)
    await place.send("create", instance)
    await place.until_ended(instance)
    (failed,) = [
        one for one in await place.aap.audit() if (one.name, one.event) == (instance, AuditEvent.FINISH)
    ]
    assert failed.status == "failed"
    assert instance not in [machine.name for machine in await place.aap.machines()]


async def test_playbooks_misbehave_when_told(place: Place) -> None:
    rude = Playbook(name="rude", replaces_finalizers=True, reports="v0")
    await place.eda.add_playbooks(rude, Playbook(name="silent", silent=True))
    for name in ("rude", "silent"):
        await place.create(name)
        await place.send("create", name)
        await place.until_ended(name)
    told = await place.until("rude", lambda one: one.reported_version == "v0")
    assert told.metadata.finalizers == (THEIRS,)
    silent = await place.until("silent", is_held)
    assert silent.reported_version == ""


async def test_a_kill_loses_what_waits_in_memory_and_playbooks_go_on_afterwards(place: Place) -> None:
    await place.aap.add_rules(Rule(name="lasting", seconds=1))
    await place.eda.add_faults(Fault(name="^waiting$", starts_after=0.5))
    for name in ("lasting", "waiting"):
        await place.create(name)
        await place.send("create", name)
    await place.until("lasting", is_held)
    eda = place.stack.process("eda")
    await eda.kill()
    await eda.restart()
    assert eda.said["url"] == place.access.url
    await place.until("lasting", lambda one: one.reported_version == "v1")
    assert await place.happened("waiting") == []
    assert await place.eda.webhooks() == []
