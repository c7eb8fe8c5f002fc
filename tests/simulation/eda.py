"""EDA in memory, for some worlds: it takes webhooks, loses some, and its playbooks leave on the resource what
real ones leave. People move instances from one provider to the other meanwhile.

It has dice of its own: worlds without EDA stay as they were.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from cloudkit.contracts.instance import (
    PLAYBOOK_FINALIZERS,
    PROVIDER_ANNOTATION,
    RECONCILED_ANNOTATION,
    ComputeInstance,
)
from cloudkit.contracts.jobs import JobType, Provider
from sandbox.aap.subjects import Purpose, Subject
from simulation import aap
from simulation.faults import Dice
from simulation.hosts import Process
from simulation.invariants import Invariants
from simulation.kubernetes import ApiServer
from simulation.loop import WORLD, VirtualLoop
from simulation.network import Network

EDA = "EDA"
WORLDS = 0.3
MOVES_EVERY = 300.0
"""Seconds between two instances that are given to another provider, on average."""
WEBHOOK_PATIENCE = 10.0
STARTS_AFTER = (0.1, 1.0, 10.0, 60.0)
TAKES = (3.0, 20.0, 60.0, 200.0, 400.0)
MARK = PLAYBOOK_FINALIZERS[0]
ENVIRON = {
    "CLOUDKIT_PROVIDERS": "aap,eda",
    "CLOUDKIT_COMPUTE_INSTANCE_PROVISION_WEBHOOK": "http://eda:5000/create-compute-instance",
    "CLOUDKIT_COMPUTE_INSTANCE_DEPROVISION_WEBHOOK": "http://eda:5000/delete-compute-instance",
    "CLOUDKIT_MINIMUM_REQUEST_INTERVAL": "60s",
    "CLOUDKIT_EDA_JOB_TIMEOUT": "30m",
    "CLOUDKIT_EDA_RESEND_AFTER": "20m",
    "CLOUDKIT_EDA_PATIENCE": "20m",
}
"""A playbook takes eight minutes at most, counted from its webhook, and clocks differ by seven: what waits
for playbooks by the clocks of hosts has to wait for longer than both."""


@dataclass(frozen=True)
class Webhook:
    """What was received; ``version`` is what its playbook reports when it is done."""

    type: JobType
    namespace: str
    name: str
    uid: str
    version: str


def runs_in(seed: int) -> bool:
    """Whether EDA runs jobs in the world with *seed*."""
    return Random(f"providers of {seed}").random() < WORLDS


def read(type: JobType, resource: Mapping[str, Any]) -> Webhook:
    metadata, version = resource["metadata"], resource["status"]["desiredConfigVersion"]
    return Webhook(type, metadata["namespace"], metadata["name"], metadata["uid"], version)


@dataclass
class Server:
    """The rulebook and its playbooks in the world with *seed*. Their machines are those of *aap*: whichever
    provider removes one removes what the other has made."""

    seed: int
    loop: VirtualLoop
    dice: Dice
    kube: ApiServer
    aap: "aap.Server"
    invariants: Invariants
    _order: Any = field(default_factory=count)

    def __post_init__(self) -> None:
        self._random = Random(f"providers of {self.seed}")
        self.runs = self._random.random() < WORLDS
        self.environ = self._environ() if self.runs else {}

    def _environ(self) -> Mapping[str, str]:
        return ENVIRON | {"CLOUDKIT_PROVISIONING_PROVIDER": self._random.choice(list(Provider))}

    def move_instances(self, names: tuple[str, ...], namespace: str) -> None:
        """Give an instance to another provider now and then, until the dice are calm."""
        if self.runs:
            self._soon(names, namespace)

    def receive(self, webhook: Webhook) -> None:
        """Take *webhook*; what becomes of it, nobody hears."""
        self.invariants.received(webhook.uid, cleanup=webhook.type is JobType.DEPROVISION)
        self.dice.history.tell(EDA, f"takes {webhook.type} of {webhook.name} {webhook.uid[-4:]}")
        if self._happens(0.05):
            self.dice.history.fault("webhook lost", EDA, webhook.name)
            return
        self.loop.call_later(self._random.choice(STARTS_AFTER), self._start, webhook, context=WORLD)

    def _start(self, webhook: Webhook) -> None:
        instance = self._instance(webhook)
        if webhook.type is JobType.PROVISION:
            if instance is None or instance.deleting:
                return  # It fails at its finalizer, before it has made anything.
            self._mark(instance)
            self._leave_behind(webhook, succeeded=False)
        run = next(self._order)
        self.invariants.playbook_began(run, webhook.uid, webhook.namespace, webhook.name)
        self.dice.history.tell(EDA, f"starts {webhook.type} of {webhook.name} {webhook.uid[-4:]}")
        self.loop.call_later(self._random.choice(TAKES), self._finish, webhook, run, context=WORLD)

    def _finish(self, webhook: Webhook, run: int) -> None:
        self.invariants.playbook_ended(run)
        failed = self._happens(0.2)
        what = "fails" if failed else "finishes"
        self.dice.history.tell(EDA, f"{what} {webhook.type} of {webhook.name} {webhook.uid[-4:]}")
        instance = self._instance(webhook)
        if failed:
            return
        self._leave_behind(webhook, succeeded=True)
        if webhook.type is JobType.DEPROVISION:
            if instance is not None:
                left = [one for one in instance.metadata.finalizers if one != MARK]
                self.kube.write_finalizers(webhook.namespace, webhook.name, left)
        elif instance is not None:
            report = {RECONCILED_ANNOTATION: webhook.version}
            self.kube.edit(webhook.namespace, webhook.name, annotations=report)

    def _leave_behind(self, webhook: Webhook, *, succeeded: bool) -> None:
        subject = Subject(namespace=webhook.namespace, name=webhook.name, uid=webhook.uid)
        machines = self.aap.present().machines
        machines.leave_behind(subject, Purpose(webhook.type.value), job=0, succeeded=succeeded)

    def _mark(self, instance: ComputeInstance) -> None:
        """Put the playbook's finalizer on *instance*; a careless playbook takes all others off."""
        others = () if self._happens(0.1) else instance.metadata.finalizers
        place = instance.metadata.namespace, instance.metadata.name
        self.kube.write_finalizers(*place, list(dict.fromkeys((*others, MARK))))

    def _instance(self, webhook: Webhook) -> ComputeInstance | None:
        found = self.kube.now(webhook.namespace, webhook.name)
        return found if found is not None and found.metadata.uid == webhook.uid else None

    def _happens(self, likely: float) -> bool:
        return not self.dice.calm and self._random.random() < likely

    def _soon(self, names: tuple[str, ...], namespace: str) -> None:
        delay = self._random.expovariate(1 / MOVES_EVERY)
        self.loop.call_later(delay, self._move, names, namespace, context=WORLD)

    def _move(self, names: tuple[str, ...], namespace: str) -> None:
        if self.dice.calm:
            return
        name, provider = self._random.choice(names), self._random.choice([*Provider, None])
        if self.kube.now(namespace, name) is not None:
            self.dice.history.tell("user", f"gives {name} to {provider or 'whoever is chosen'}")
            self.kube.edit(namespace, name, annotations={PROVIDER_ANNOTATION: provider})
        self._soon(names, namespace)


class SimulatedEda:
    """An `eda_dispatcher.webhooks.Webhooks` in *process*."""

    def __init__(self, server: Server, network: Network, dice: Dice, process: Process) -> None:
        self._server = server
        self._network = network
        self._dice = dice
        self._process = process

    async def send(self, type: JobType, resource: Mapping[str, Any]) -> None:
        webhook = read(type, resource)
        await self._network.request(
            self._process,
            EDA,
            f"webhook {type} {webhook.name}",
            lambda: self._server.receive(webhook),
            rate=self._dice.rates.of_launches,
            patience=WEBHOOK_PATIENCE,
            at_once=True,
        )
