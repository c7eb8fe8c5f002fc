"""The whole system on this machine: nats-server, stand-ins for Kubernetes and AAP, and our services.

::

    async with start_stack(Plan(directory=directory)) as stack:
        ...  # stack.kubeconfig, stack.aap.url, stack.of("watcher")[0].kill()

Each part is a process of its own, as in production, with its log in the plan's directory. Any number
of stacks run side by side, on ports that nobody else uses. Called by ``cloudkit dev`` and ``cloudkit
demo``, by tests and benchmarks.
"""

import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.nats import MAX_PAYLOAD, NatsServer, start_nats
from sandbox.process import Command, Process
from sandbox.supervisor import Supervisor

log = logging.getLogger(__name__)

SERVICES = {"watcher": "watcher", "aap-poller": "aap_poller", "status-writer": "status_writer"}
"""Our services: the name of each, and the package to run."""
AAP_SETTINGS = {
    "CLOUDKIT_PROVISIONING_PROVIDER": "aap",
    "CLOUDKIT_AAP_PROVISION_TEMPLATE": "innabox-create-compute-instance",
    "CLOUDKIT_AAP_DEPROVISION_TEMPLATE": "innabox-delete-compute-instance",
}
LOOPBACK = "127.0.0.1,localhost"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a stack is made of.

    ``environment`` reaches every service, ``environment_of`` one of them; ``replicas`` is 1 where
    nothing else is said, and 0 leaves a service out. ``kubeconfig`` names a real cluster to use in
    place of the stand-in. ``aap_arguments`` go to the AAP stand-in. NATS takes messages of ``max_payload``.
    """

    directory: Path
    services: tuple[str, ...] = tuple(SERVICES)
    replicas: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    aap_arguments: tuple[str, ...] = ()
    kubeconfig: Path | None = None
    keep_alive: bool = False
    max_payload: str = MAX_PAYLOAD


@dataclass(frozen=True, kw_only=True)
class AapAccess:
    """Where the AAP stand-in answers, and the ``control`` address by which a test looks behind it."""

    url: str
    token: str
    control: str


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A system that runs."""

    plan: Plan
    supervisor: Supervisor
    nats: NatsServer
    kubeconfig: Path
    aap: AapAccess

    def process(self, name: str) -> Process:
        """The process "kube", "aap", or a service's: "watcher", "watcher-2", …"""
        return self.supervisor.processes[name]

    def of(self, service: str) -> list[Process]:
        """The replicas of *service*."""
        return [self.process(name) for name in _replica_names(service, self.plan)]

    def http(self, process: Process) -> str:
        """Where a service's process answers /readyz and /metrics."""
        return f"http://127.0.0.1:{process.said['http']}"

    def pids(self) -> dict[str, int]:
        """The process id of every part that runs."""
        running = {name: one.pid for name, one in self.supervisor.processes.items() if one.running}
        return {"nats": self.nats.pid, **running}


@asynccontextmanager
async def start_stack(plan: Plan, *, say: Callable[[str], object] = log.warning) -> AsyncIterator[Stack]:
    """Start what *plan* says, and end it when the block ends. *say* gets a sentence about each restart.

    Raises `sandbox.process.DidNotStart`.
    """
    async with AsyncExitStack() as contexts:
        server = start_nats(plan.directory / "nats", max_payload=plan.max_payload)
        nats = await contexts.enter_async_context(server)  # the last to end
        supervisor = Supervisor(plan.directory, keep_alive=plan.keep_alive, say=say)
        contexts.push_async_callback(supervisor.stop)
        stack = _stack(plan, supervisor, nats, await supervisor.start(*_surroundings(plan)))
        await supervisor.start(*service_commands(stack))
        yield stack


def _surroundings(plan: Plan) -> list[Command]:
    """The stand-ins. Started again, each keeps its address and token in its directory."""
    aap = _stand_in("aap", plan, plan.directory / "aap", *plan.aap_arguments)
    return [aap] if plan.kubeconfig else [aap, _stand_in("kube", plan, plan.directory)]


def _stand_in(name: str, plan: Plan, directory: Path, *arguments: str) -> Command:
    ready_file = plan.directory / f"{name}.ready"
    where = ("--ready-file", str(ready_file), "--directory", str(directory))
    command = (sys.executable, "-m", f"sandbox.{name}", *where, *arguments)
    return Command(name=name, arguments=command, ready_file=ready_file)


def _stack(plan: Plan, supervisor: Supervisor, nats: NatsServer, surroundings: list[dict[str, Any]]) -> Stack:
    aap, *kube = surroundings
    return Stack(
        plan=plan,
        supervisor=supervisor,
        nats=nats,
        kubeconfig=plan.kubeconfig or Path(kube[0]["kubeconfig"]),
        aap=AapAccess(url=aap["url"], token=aap["token"], control=aap["control"]),
    )


def service_commands(stack: Stack) -> list[Command]:
    """The commands of every replica of every service in *stack*."""
    return [
        _service(service, name, stack)
        for service in stack.plan.services
        for name in _replica_names(service, stack.plan)
    ]


def _replica_names(service: str, plan: Plan) -> list[str]:
    others = range(2, plan.replicas.get(service, 1) + 1)
    first = [service] if plan.replicas.get(service, 1) else []
    return [*first, *(f"{service}-{number}" for number in others)]


def _service(service: str, name: str, stack: Stack) -> Command:
    ready_file = stack.plan.directory / f"{name}.ready"
    return Command(
        name=name,
        arguments=(sys.executable, "-m", SERVICES[service]),
        environment=_environment(service, stack) | {"CLOUDKIT_READY_FILE": str(ready_file)},
        ready_file=ready_file,
    )


def _environment(service: str, stack: Stack) -> dict[str, str]:
    """What a service sees: of our own environment everything but settings that were meant for others."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("CLOUDKIT_")}
    return (
        inherited
        | AAP_SETTINGS
        | {
            "CLOUDKIT_NATS_URL": stack.nats.url,
            "CLOUDKIT_AAP_URL": stack.aap.url,
            "CLOUDKIT_AAP_TOKEN": stack.aap.token,
            "CLOUDKIT_HTTP_PORT": "auto",
            "KUBECONFIG": str(stack.kubeconfig),
            "NO_PROXY": _no_proxy(),
            "no_proxy": _no_proxy(),
        }
        | dict(stack.plan.environment)
        | dict(stack.plan.environment_of.get(service, {}))
    )


def _no_proxy() -> str:
    inherited = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    return f"{inherited},{LOOPBACK}" if inherited else LOOPBACK
