"""Whether everything has come to rest: what is missing for that, in words, as I6 tells it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cloudkit.contracts.events import JobEvent, read_event
from cloudkit.contracts.instance import ComputeInstance, Phase
from cloudkit.contracts.jobs import JobRecord, Provider
from cloudkit.contracts.subjects import DEAD_LETTERS, INTENTS, JOBS
from cloudkit.lifecycle.history import is_unobserved
from cloudkit.runtime.jetstream import Stored
from sandbox.aap.model import Job
from simulation import aap, bus
from simulation.invariants import Invariants
from simulation.kubernetes import ApiServer
from simulation.users import NAMESPACE

OURS_OF = {"successful": "Succeeded", "failed": "Failed", "error": "Failed", "canceled": "Canceled"}

STANDSTILL = 240.0
"""Seconds without faults in which something has to happen to whatever is to be brought on: what is asked is
repeated every minute, and back-off is no longer, give or take clocks that differ."""
NEWS_WITHIN = 100.0
"""Seconds without faults in which the end of a job is in the log: the sweep runs every half minute, or two
when AAP was away."""


@dataclass(frozen=True)
class Convergence:
    """Looks at the servers, behind everybody's back."""

    names: tuple[str, ...]
    kube: ApiServer
    aap: "aap.Server"
    bus: "bus.Server"
    invariants: Invariants
    calm_since: float
    """When the faults end, by virtual time."""

    def missing_until_ready(self) -> Iterator[str]:
        """Why not every instance is ready, with a status that says what AAP says."""
        for name in self.names:
            instance = self.kube.now(NAMESPACE, name)
            if instance is None or instance.status.phase is not Phase.READY or instance.deleting:
                yield f"{name} is {'gone' if instance is None else instance.status.phase}"
            else:
                yield from self._lies(instance)
        yield from self._left_over()

    def missing_until_gone(self) -> Iterator[str]:
        """Why not everything is gone, with nothing left behind."""
        for seen in self.kube.all():
            yield f"{seen.instance.ref} is still {seen.instance.status.phase}"
        yield from self._left_over()
        for machine in self.aap.present().machines:
            if machine.uid not in self.invariants.forced:
                yield f"the machine of {machine.name} {machine.uid} is left, made by job {machine.job}"

    def at_a_standstill(self, now: float) -> Iterator[str]:
        """What nobody has done anything about for long, by virtual time *now*: it may be seen to in the end,
        but by nothing that is meant for that."""
        for name in self.names:
            instance = self.kube.now(NAMESPACE, name)
            stirred = max(self.invariants.stirred_at[name], self.calm_since)
            if now - stirred > STANDSTILL and instance and self._waits(instance):
                yield f"nobody does anything about {name} since {stirred:.0f}"
        if now - self.calm_since <= NEWS_WITHIN:
            return
        for event in self._last_of_names().values():
            job = self._in_aap(event.job)
            if job is not None and not event.closed and self._is_old_news(job):
                yield f"job {job.id} of {event.instance.name} has ended, and nobody writes it down"

    def _waits(self, instance: ComputeInstance) -> bool:
        """Whether something is to be done for it now, and no job of it is shown that may take its time."""
        if self.kube.is_hidden(instance.ref.namespace, instance.ref.name):
            return False
        if any(not job.closed for job in instance.status.jobs[-1:]):
            return False
        return instance.deleting or instance.status.phase is not Phase.READY

    def _is_old_news(self, job: Job) -> bool:
        finished = job.finished
        return finished is not None and (self.aap.state.now - finished).total_seconds() > NEWS_WITHIN

    def _lies(self, instance: ComputeInstance) -> Iterator[str]:
        if instance.status.observed_generation != instance.metadata.generation:
            yield f"{instance.ref}'s status is about an older spec"
        yield from self._odd_conditions(instance)
        for record in instance.status.jobs:
            if not record.closed and record is instance.status.jobs[-1]:
                yield f"{instance.ref}'s job {record.number} is {record.state}"
            elif is_unobserved(record) and self._lost_since(instance):
                continue  # First the status has missed its end, then the log forgot it: unknown is no lie.
            elif self.invariants.believed_a_person(instance.metadata.uid):
                continue
            elif (truth := self._truth(instance, record)) not in (None, record.state):
                yield f"{instance.ref}'s job {record.number} is {record.state}, in AAP {truth}"

    def _odd_conditions(self, instance: ComputeInstance) -> Iterator[str]:
        """What does not become an instance that is ready."""
        shown = {one.type: (one.status, one.reason) for one in instance.status.conditions}
        expected = {
            "Ready": "True",
            "Available": "True",
            "ConfigurationApplied": "True",
            "Progressing": "False",
        }
        for type, status in expected.items():
            if shown.get(type, ("missing", ""))[0] != status:
                yield f"{instance.ref} is Ready, and {type} is {shown.get(type)}"
        for type in {"Stalled", "Misconfigured", "Deprovisioned"} & set(shown):
            yield f"{instance.ref} is Ready, and {type} is there: {shown[type]}"
        if instance.status.next_retry_at is not None:
            yield f"{instance.ref} is Ready, and is tried again"
        asked, done = instance.restart_requested_at, instance.status.last_restarted_at
        if asked is not None and (done is None or done < asked):
            yield f"{instance.ref} is Ready, and was not restarted"

    def _lost_since(self, instance: ComputeInstance) -> bool:
        """Whether the log was lost in the life of *instance*."""
        born = self.invariants.born_at[instance.metadata.uid]
        return any(born <= at for at in self.invariants.lost_logs)

    def _in_aap(self, record: JobRecord) -> Job | None:
        """What AAP has under the id of *record*."""
        if record.provider is Provider.EDA:
            return None
        return self.aap.present().jobs.get(int(record.job_id or 0))

    def _truth(self, instance: ComputeInstance, record: JobRecord) -> str | None:
        """What AAP says of a job, if it has not forgotten it."""
        job = self._in_aap(record)
        ref = instance.ref
        if job is None or job.subject.number != f"{ref}/{ref.uid}/{record.number}":
            return None
        return OURS_OF.get(job.status, "open")

    def _left_over(self) -> Iterator[str]:
        for stored in self.bus.streams[INTENTS].messages.values():
            yield f"an intent is left: {stored.subject} {stored.data[:80].decode()}"
        for stored in self.bus.streams[DEAD_LETTERS].messages.values():
            yield f"a dead letter: {stored.subject} {stored.headers.get('Cloudkit-Reason')}"
        for name, event in self._last_of_names().items():
            if not event.closed:
                yield f"{name}'s last event is {event.event} {event.job.number}"
        for job in self.aap.present().jobs.active():
            yield f"AAP still runs {job.subject.number} ({job.id})"

    def _last_of_names(self) -> dict[str, JobEvent]:
        """The last event of each name."""
        log: Iterable[Stored] = self.bus.streams[JOBS].messages.values()
        last = {stored.subject.split(".", 4)[3]: stored for stored in log}
        return {name: read_event(stored.data) for name, stored in last.items()}
