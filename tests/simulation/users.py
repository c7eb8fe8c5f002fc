"""People: they create, change, delete, recreate, pause, restart and annotate instances, edit what stands in
a status, force finalizers off, and cancel jobs in AAP. When the faults are over they ask for what is stuck to
be tried again.
"""

from dataclasses import dataclass
from itertools import count

import msgspec

from cloudkit.contracts.instance import (
    MANAGEMENT_ANNOTATION,
    PAUSED_ANNOTATION,
    RESTART_FIELD,
    RETRY_ANNOTATION,
    UNMANAGED,
    ComputeInstance,
    Phase,
)
from cloudkit.contracts.jobs import JobState
from cloudkit.lifecycle.work import REMOVED_AND_RESTORED
from simulation import aap
from simulation.climates import Climate
from simulation.faults import Dice
from simulation.history import History
from simulation.invariants import Invariants
from simulation.kubernetes import ApiServer
from simulation.loop import WORLD, VirtualLoop

NAMESPACE = "lab"
LOOKS_AGAIN = 60.0


@dataclass
class Users:
    """Everybody who may write to Kubernetes or AAP besides us. What they do depends on the *climate*."""

    names: tuple[str, ...]
    loop: VirtualLoop
    dice: Dice
    history: History
    kube: ApiServer
    aap: "aap.Server"
    invariants: Invariants
    climate: Climate

    def __post_init__(self) -> None:
        self._order = count(1)
        self._leaving = False
        for name in self.names:
            self._soon(name, within=20.0)

    def _soon(self, name: str, within: float) -> None:
        delay = self.dice.random.expovariate(1 / within)
        self.loop.call_later(delay, self._act, name, context=WORLD)

    def _act(self, name: str) -> None:
        if self.dice.calm:
            return
        instance = self.kube.now(NAMESPACE, name)
        if instance is None:
            self._create(name)
        else:
            deeds = self.climate.deeds
            (deed,) = self.dice.random.choices(list(deeds), weights=list(deeds.values()))
            getattr(self, f"_{deed}")(name, instance)
        # Who has deleted something often creates it again at once.
        self._soon(name, within=self.climate.busy / (1 if instance is None or not instance.deleting else 4))

    def _create(self, name: str) -> None:
        self.history.tell("user", f"creates {name}")
        self.history.counts["instances"] += 1
        self.kube.create(NAMESPACE, name, spec={"vcpu": self.dice.random.randint(1, 3)})

    def _edit(self, name: str, _: ComputeInstance) -> None:
        vcpu = self.dice.random.randint(1, 3)
        self.history.tell("user", f"gives {name} {vcpu} cpus")
        self.kube.edit(NAMESPACE, name, spec={"vcpu": vcpu})

    def _touch(self, name: str, _: ComputeInstance) -> None:
        self._annotate(name, "note", f"note {next(self._order)}")

    def _delete(self, name: str, _: ComputeInstance) -> None:
        self.history.tell("user", f"deletes {name}")
        self.kube.delete(NAMESPACE, name)

    def _retry(self, name: str, _: ComputeInstance) -> None:
        self._annotate(name, RETRY_ANNOTATION, f"request {next(self._order)}")

    def _unmanaged(self, name: str, instance: ComputeInstance) -> None:
        self._annotate(name, MANAGEMENT_ANNOTATION, None if instance.unmanaged else UNMANAGED)

    def _pause(self, name: str, instance: ComputeInstance) -> None:
        self._annotate(name, PAUSED_ANNOTATION, None if instance.paused else "true")
        self.invariants.paused_at[instance.metadata.uid] = None if instance.paused else self.loop.time()

    def _restart(self, name: str, _: ComputeInstance) -> None:
        now = self.kube.time().isoformat()
        self.history.tell("user", f"wants {name} restarted")
        self.kube.edit(NAMESPACE, name, spec={RESTART_FIELD: now})

    def _meddle(self, name: str, instance: ComputeInstance) -> None:
        """Somebody writes into the status what they wish were true."""
        wish = self.dice.random.choice((JobState.SUCCEEDED, JobState.FAILED))
        jobs = [msgspec.to_builtins(job) for job in instance.status.jobs]
        if jobs:
            jobs[-1]["state"] = wish
            edited = instance.status.jobs[-1]
            self.invariants.meddled[instance.metadata.uid, edited.number] = edited.revision
        phase = Phase.READY if wish is JobState.SUCCEEDED else Phase.FAILED
        status = {**msgspec.to_builtins(instance.status), "phase": phase, "jobs": jobs}
        self.history.fault("status edited", name, wish)
        self.kube.write_status(NAMESPACE, name, status)

    def _annotate(self, name: str, annotation: str, value: str | None) -> None:
        self.history.tell("user", f"annotates {name} with {annotation}={value}")
        self.kube.edit(NAMESPACE, name, annotations={annotation: value})

    def _force(self, name: str, instance: ComputeInstance) -> None:
        if instance.deleting:
            self.history.fault("finalizer forced off", name, "")
            self.aap.present()
            self.invariants.forced.add(instance.metadata.uid)
            self.kube.write_finalizers(NAMESPACE, name, [])

    def _cancel(self, name: str, _: ComputeInstance) -> None:
        state = self.aap.present()
        for job in state.jobs.active():
            if job.subject.name == name:
                self.history.fault("canceled by a person", name, str(job.id))
                state.cancel(job, state.now, by="somebody")
        self.aap.tell()

    # -- after the faults

    def look_after_everything(self) -> None:
        """See to it that what waits for a person gets one, and all instances exist, now and again."""
        if self._leaving:
            return
        for name in self.names:
            if self.kube.now(NAMESPACE, name) is None:
                self._create(name)
        for seen in self.kube.all():
            instance = seen.instance
            if instance.unmanaged:
                self._unmanaged(instance.metadata.name, instance)
            if instance.paused:
                self._pause(instance.metadata.name, instance)
            stalled = [one for one in instance.status.conditions if one.type == "Stalled"]
            if any(one.reason == REMOVED_AND_RESTORED for one in stalled) and not instance.deleting:
                self._delete(instance.metadata.name, instance)
            elif stalled:
                self._retry(instance.metadata.name, instance)
        self.loop.call_later(LOOKS_AGAIN, self.look_after_everything, context=WORLD)

    def delete_everything(self) -> None:
        self._leaving = True
        for name in self.names:
            if (instance := self.kube.now(NAMESPACE, name)) is not None and not instance.deleting:
                self._delete(name, instance)
