"""A stack under test: what a test does in it, and what it sees there.

::

    vm = await world.create(vcpu=2)
    await vm.until(is_ready)
    await vm.delete()
    await vm.until_gone()

What is waited for has a deadline, and whoever misses it is told how everything stands.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from cloudkit.contracts.instance import PROVIDER_ANNOTATION, InstanceRef
from cloudkit.contracts.jobs import Provider
from cloudkit.contracts.subjects import DEAD_LETTER_SUBJECTS, DEAD_LETTERS
from cloudkit.runtime.bus import Bus, connect
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.health import Health
from cloudkit.runtime.jetstream import Stored
from e2e.evidence import evidence
from e2e.invariants import examine
from e2e.sightings import Sightings, version, watching
from e2e.vm import Vm
from sandbox.aap.audit import AuditEntry, AuditEvent
from sandbox.aap.control import Control
from sandbox.eda.control import Control as EdaControl
from sandbox.instances import Instances, open_instances
from sandbox.nats import MAX_PAYLOAD
from sandbox.process import Process
from sandbox.stack import Plan, Stack, services_for, start_stack

T = TypeVar("T")

PATIENCE = 25.0
"""Seconds: several times what anything takes on a slow machine."""
BETWEEN_LOOKS = 0.03
NUMBERS = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class World:
    """A stack that runs, and every way to look into it."""

    stack: Stack
    instances: Instances
    sightings: Sightings
    aap: Control
    aap_api: httpx.AsyncClient
    """AAP's own API, with our token."""
    bus: Bus
    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(trust_env=False))

    @property
    def eda(self) -> EdaControl:
        """Behind the stand-in for EDA, in a world that has one."""
        assert self.stack.eda is not None, "plan a world with Provider.EDA"
        return EdaControl(self.stack.eda.control, self.http)

    async def create(
        self, name: str = "vm", *, unique: bool = True, provider: Provider | None = None, **spec: Any
    ) -> Vm:
        """Create an instance: *name* with a number behind it, unless that must not be. *provider* is
        written on it, if given."""
        name = f"{name}-{next(NUMBERS)}" if unique else name
        annotations = {PROVIDER_ANNOTATION: provider} if provider else {}
        created = await self.instances.create(name, annotations=annotations, **(spec or {"vcpu": 2}))
        return Vm(self, created.ref, since=version(created))

    async def follow(self, name: str) -> Vm:
        """The instance *name*, which is there already."""
        instance = await self.instances.get(name)
        assert instance is not None, f"there is no {name}"
        return Vm(self, instance.ref, since=0)

    async def eventually(
        self, ask: Callable[[], Awaitable[T | None]], what: str, *, within: float = PATIENCE
    ) -> T:
        """The first answer of *ask* that is true. Raises `AssertionError` with what there is to know."""
        try:
            async with asyncio.timeout(within):
                while True:
                    if answer := await ask():
                        return answer
                    await asyncio.sleep(BETWEEN_LOOKS)  # between two looks at other processes
        except TimeoutError:
            told = await evidence(self)
        raise AssertionError(f"waited {within:g} s until {what}.\n{told}")

    async def audit(self, ref: InstanceRef, *events: AuditEvent) -> list[AuditEntry]:
        """What happened in AAP to jobs of *ref* (of these *events*, if any are given), oldest first."""
        entries = await self.aap.audit()
        return [one for one in entries if one.uid == ref.uid and (not events or one.event in events)]

    async def payload(self, job_id: str) -> dict[str, Any]:
        """The resource that the playbook of AAP's job *job_id* got."""
        answer = (await self.aap_api.get(f"jobs/{job_id}/")).raise_for_status()
        variables = msgspec.json.decode(answer.json()["extra_vars"])
        resource: dict[str, Any] = variables["ansible_eda"]["event"]["payload"]
        return resource

    async def dead_letters(self) -> list[Stored]:
        return await self.bus.jetstream.every(DEAD_LETTERS, DEAD_LETTER_SUBJECTS)

    async def metrics(self, process: Process) -> dict[str, float]:
        """What *process* counts: ``name{label="value"}`` and its number."""
        text = (await self.http.get(f"{self.stack.http(process)}/metrics")).raise_for_status().text
        lines = (line for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines)}

    def log_lines(self, *services: str) -> list[dict[str, Any]]:
        """What the replicas of *services* (of all, if none is named) have logged."""
        processes = (one for name in services or self.stack.plan.services for one in self.stack.of(name))
        texts = (process.log.read_text().splitlines() for process in processes)
        return [msgspec.json.decode(line) for text in texts for line in text if line.startswith("{")]

    async def revive(self) -> None:
        """Start again whatever a test that failed has left dead."""
        for process in self.stack.supervisor.processes.values():
            if not process.running:
                await process.restart()

    async def finish(self) -> None:
        """End all faults, delete what is there, and see that nothing was left behind or done twice."""
        await self.aap.clear_faults()
        await self.aap.reset_rules()
        if self.stack.eda is not None:
            await self.eda.reset()
        for instance in await self.instances.all():
            if not instance.deleting:
                await self.instances.delete(instance.metadata.name)
        await self.eventually(self._is_empty, "every instance was gone", within=60)
        await examine(self)

    async def _is_empty(self) -> bool:
        return not await self.instances.all()


StartWorld = Callable[..., Awaitable[World]]
FAST = {
    "CLOUDKIT_AAP_CANCEL_GRACE": "300ms",
    "CLOUDKIT_AAP_STATUS_POLL_INTERVAL": "1s",
    "CLOUDKIT_AAP_SWEEP_INTERVAL": "200ms",
    "CLOUDKIT_RETRY_BASE": "500ms",
    "CLOUDKIT_STATUS_GATHER": "150ms",
}
"""What is worth waiting for in production, in a hurry."""
EDA_PATIENCE = 5.0
FAST_EDA = {
    "CLOUDKIT_EDA_JOB_TIMEOUT": "5s",
    "CLOUDKIT_EDA_PATIENCE": f"{EDA_PATIENCE:g}s",
    "CLOUDKIT_EDA_RESEND_AFTER": "3s",
    "CLOUDKIT_MINIMUM_REQUEST_INTERVAL": "0s",
}
"""The same for EDA."""
SHORT_JOBS = (
    "--job-seconds=0.15",
    "--pending-seconds=0.05",
    "--waiting-seconds=0.05",
    "--cancel-seconds=0.2",
)


def plan(
    directory: Path,
    *,
    provider: Provider = Provider.AAP,
    services: tuple[str, ...] | None = None,
    replicas: Mapping[str, int] | None = None,
    environment: Mapping[str, str] | None = None,
    max_payload: str = MAX_PAYLOAD,
) -> Plan:
    """A stack in which everything goes fast; with the *services* that *provider* needs, unless others
    are given.

    The environment's CLOUDKIT_E2E_KUBECONFIG names a real cluster to use in place of the stand-in: one that
    has our CRD, and a kubeconfig with a token.
    """
    cluster = os.environ.get("CLOUDKIT_E2E_KUBECONFIG")
    return Plan(
        directory=directory,
        provider=provider,
        services=services_for(provider) if services is None else services,
        replicas=replicas or {},
        environment={**FAST, **FAST_EDA, **(environment or {})},
        aap_arguments=SHORT_JOBS,
        kubeconfig=Path(cluster) if cluster else None,
        max_payload=max_payload,
    )


@asynccontextmanager
async def open_world(plan: Plan) -> AsyncIterator[World]:
    """Start the stack of *plan* and look into it, until the block ends."""
    async with (
        start_stack(plan) as stack,
        open_instances(stack.kubeconfig) as instances,
        watching(instances) as sightings,
        Control(stack.aap.control) as aap,
        _aap_api(stack) as aap_api,
        connect(stack.nats_url, service="test", clock=SystemClock(), health=Health()) as bus,
    ):
        world = World(
            stack=stack, instances=instances, sightings=sightings, aap=aap, aap_api=aap_api, bus=bus
        )
        async with world.http:
            yield world


def _aap_api(stack: Stack) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"{stack.aap.url}/v2/",
        headers={"Authorization": f"Bearer {stack.aap.token}"},
        trust_env=False,
    )
