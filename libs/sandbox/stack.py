"""The whole system on this machine: nats-server, stand-ins for Kubernetes, AAP and EDA, and our services.

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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cloudkit.contracts.jobs import Provider
from sandbox.nats import MAX_PAYLOAD, NatsCluster, NatsServer, start_nats, start_nats_cluster
from sandbox.process import Command, Process
from sandbox.supervisor import Supervisor

log = logging.getLogger(__name__)

SERVICES = {
    "watcher": "watcher",
    "aap-poller": "aap_poller",
    "eda-dispatcher": "eda_dispatcher",
    "status-writer": "status_writer",
}
"""Our services: the name of each, and the package to run."""
PROVIDED_BY = {Provider.AAP: "aap-poller", Provider.EDA: "eda-dispatcher"}
"""The service that brings a provider its jobs."""
AAP_SETTINGS = {
    "CLOUDKIT_AAP_PROVISION_TEMPLATE": "innabox-create-compute-instance",
    "CLOUDKIT_AAP_DEPROVISION_TEMPLATE": "innabox-delete-compute-instance",
}
LOOPBACK = "127.0.0.1,localhost"


def services_for(*providers: Provider) -> tuple[str, ...]:
    """The services of a stack in which these *providers* run."""
    absent = {PROVIDED_BY[provider] for provider in Provider if provider not in providers}
    return tuple(name for name in SERVICES if name not in absent)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a stack is made of.

    ``provider`` runs the jobs of instances that do not say; the others that run here are those whose
    service is among the ``services``.
    ``environment`` reaches every service, ``environment_of`` one of them; ``replicas`` is 1 where
    nothing else is said, and 0 leaves a service out. ``kubeconfig`` names a real cluster to use in
    place of the stand-in. ``aap_arguments`` go to the AAP stand-in, ``eda_arguments`` to that for EDA,
    ``kube_arguments`` to that for Kubernetes.
    NATS takes messages of ``max_payload``; with several ``nats_nodes`` it is a cluster that replicates.
    """

    directory: Path
    provider: Provider = Provider.AAP
    services: tuple[str, ...] = services_for(Provider.AAP)
    replicas: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    aap_arguments: tuple[str, ...] = ()
    eda_arguments: tuple[str, ...] = ()
    kube_arguments: tuple[str, ...] = ()
    kubeconfig: Path | None = None
    keep_alive: bool = False
    max_payload: str = MAX_PAYLOAD
    nats_nodes: int = 1

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Those that run here."""
        others = (one for one, service in PROVIDED_BY.items() if service in self.services)
        return tuple(dict.fromkeys((self.provider, *others)))


@dataclass(frozen=True, kw_only=True)
class AapAccess:
    """Where the AAP stand-in answers, and the ``control`` address by which a test looks behind it."""

    url: str
    token: str
    control: str


@dataclass(frozen=True, kw_only=True)
class EdaAccess:
    """The same of the stand-in for EDA, whose webhooks and event streams are below ``url``."""

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
    eda: EdaAccess | None = None
    nats_peers: tuple[NatsServer, ...] = ()
    """The other nodes of a cluster."""

    @property
    def nats_nodes(self) -> tuple[NatsServer, ...]:
        return (self.nats, *self.nats_peers)

    @property
    def nats_url(self) -> str:
        """Names every node."""
        return NatsCluster(self.nats_nodes).url

    def process(self, name: str) -> Process:
        """The process "kube", "aap", "eda", or a service's: "watcher", "watcher-2", …"""
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
        return {node.name: node.pid for node in self.nats_nodes} | running


@asynccontextmanager
async def start_stack(plan: Plan, *, say: Callable[[str], object] = log.warning) -> AsyncIterator[Stack]:
    """Start what *plan* says, and end it when the block ends. *say* gets a sentence about each restart.

    Raises `sandbox.process.DidNotStart`.
    """
    async with AsyncExitStack() as contexts:
        nats = await contexts.enter_async_context(_start_nats(plan))  # the last to end
        supervisor = Supervisor(plan.directory, keep_alive=plan.keep_alive, say=say)
        contexts.push_async_callback(supervisor.stop)
        stack = _stack(plan, supervisor, nats, await supervisor.start(*_surroundings(plan)))
        if Provider.EDA in plan.providers:
            (said,) = await supervisor.start(_eda(stack))
            stack = replace(
                stack, eda=EdaAccess(url=said["url"], token=said["token"], control=said["control"])
            )
        await supervisor.start(*service_commands(stack))
        yield stack


@asynccontextmanager
async def _start_nats(plan: Plan) -> AsyncIterator[NatsCluster]:
    """A cluster, perhaps of one."""
    directory = plan.directory / "nats"
    if plan.nats_nodes == 1:
        async with start_nats(directory, max_payload=plan.max_payload) as server:
            yield NatsCluster((server,))
        return
    nodes = start_nats_cluster(directory, nodes=plan.nats_nodes, max_payload=plan.max_payload)
    async with nodes as cluster:
        yield cluster


def _surroundings(plan: Plan) -> list[Command]:
    """The stand-ins. Started again, each keeps its address and token in its directory."""
    aap = _stand_in("aap", plan, plan.directory / "aap", *plan.aap_arguments)
    if plan.kubeconfig:
        return [aap]
    return [aap, _stand_in("kube", plan, plan.directory, *plan.kube_arguments)]


def _eda(stack: Stack) -> Command:
    """The stand-in for EDA, whose playbooks run on that for AAP and write to Kubernetes."""
    access = {
        "--kubeconfig": str(stack.kubeconfig),
        "--aap-url": stack.aap.url,
        "--aap-token": stack.aap.token,
        "--aap-control": stack.aap.control,
    }
    arguments = (word for option in access.items() for word in option)
    return _stand_in("eda", stack.plan, stack.plan.directory / "eda", *arguments, *stack.plan.eda_arguments)


def _stand_in(name: str, plan: Plan, directory: Path, *arguments: str) -> Command:
    ready_file = plan.directory / f"{name}.ready"
    where = ("--ready-file", str(ready_file), "--directory", str(directory))
    command = (sys.executable, "-m", f"sandbox.{name}", *where, *arguments)
    return Command(name=name, arguments=command, ready_file=ready_file)


def _stack(
    plan: Plan, supervisor: Supervisor, nats: NatsCluster, surroundings: list[dict[str, Any]]
) -> Stack:
    aap, *kube = surroundings
    return Stack(
        plan=plan,
        supervisor=supervisor,
        nats=nats.servers[0],
        nats_peers=nats.servers[1:],
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
            "CLOUDKIT_PROVISIONING_PROVIDER": stack.plan.provider,
            "CLOUDKIT_PROVIDERS": ",".join(stack.plan.providers),
            "CLOUDKIT_NATS_URL": stack.nats_url,
            "CLOUDKIT_NATS_REPLICAS": str(len(stack.nats_nodes)),
            "CLOUDKIT_AAP_URL": stack.aap.url,
            "CLOUDKIT_AAP_TOKEN": stack.aap.token,
            "CLOUDKIT_HTTP_PORT": "auto",
            "KUBECONFIG": str(stack.kubeconfig),
            "NO_PROXY": _no_proxy(),
            "no_proxy": _no_proxy(),
        }
        | _eda_settings(stack.eda)
        | dict(stack.plan.environment)
        | dict(stack.plan.environment_of.get(service, {}))
    )


def _eda_settings(eda: EdaAccess | None) -> dict[str, str]:
    if eda is None:
        return {}
    return {
        "CLOUDKIT_COMPUTE_INSTANCE_PROVISION_WEBHOOK": f"{eda.url}/create-compute-instance",
        "CLOUDKIT_COMPUTE_INSTANCE_DEPROVISION_WEBHOOK": f"{eda.url}/delete-compute-instance",
        "CLOUDKIT_EDA_TOKEN": eda.token,
    }


def _no_proxy() -> str:
    inherited = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    return f"{inherited},{LOOPBACK}" if inherited else LOOPBACK
