"""What must always hold, checked whenever anything happens, with the excuses that there are.

I1  at most one job is active for a name            I4  the finalizer goes last: after a cleanup
I2  no provision once its cleanup was launched      I5  records never go back; nothing is launched
I3  a job number is launched once                       for an instance long gone
I7  nothing is launched for what has been paused for long
"""

from collections import defaultdict
from collections.abc import Callable

from cloudkit.contracts.events import JobEventName, read_event
from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.intents import Intent, Reconcile, read_intent
from cloudkit.contracts.jobs import JobRecord
from cloudkit.lifecycle.history import is_unobserved
from sandbox.aap.audit import AuditEntry, AuditEvent
from sandbox.aap.subjects import Purpose
from simulation.aap import LINGERS
from simulation.history import History
from simulation.hosts import Process
from simulation.lateness import Lateness

PAUSE_IS_KNOWN = 1200.0
"""Seconds after which nobody may start anything any more that was asked for before a pause: an intent counts
for five minutes, a launch may be on its way for as long again, and both clocks may be slow."""


class Invariants:
    """Hears of everything that happens; *time* is virtual."""

    def __init__(self, history: History, time: Callable[[], float], lateness: Lateness) -> None:
        self.lateness = lateness
        self._history = history
        self._time = time
        self.lost_logs: list[float] = []
        self.forgotten: list[float] = []
        """When AAP forgot jobs: it was purged, or restored."""
        self.forced: set[str] = set()
        """Uids whose finalizer a person took off."""
        self.paused_at: dict[str, float | None] = {}
        """Since when people want nothing started for an instance, by its uid."""
        self.meddled: dict[tuple[str, int], int] = {}
        """The revision of the records that somebody edited by hand, by uid and number."""
        self.restored: set[str] = set()
        """Uids whose status is about to be overwritten from a backup."""
        self._from_backups: set[str] = set()
        """Uids that were gone, and came back with a backup of the cluster."""
        self.launches: list[AuditEntry] = []
        self._launched_at: dict[int, float] = {}
        self._claimed_at: dict[str, list[float]] = defaultdict(list)
        self._active: dict[tuple[str, str], dict[int, AuditEntry]] = defaultdict(dict)
        self._canceled_at: dict[tuple[str, str], float] = {}
        self._cleaned: set[str] = set()
        self.stirred_at: dict[str, float] = defaultdict(float)
        """When anything happened last to each name."""
        self.born_at: dict[str, float] = {}
        self._webhooks: dict[str, list[tuple[float, bool]]] = defaultdict(list)
        """When EDA was told of each uid, and whether to clean up."""
        self._playbooks: dict[int, tuple[str, str, str]] = {}
        self._adopted: set[str] = set()
        self._seen: dict[str, dict[int, JobRecord]] = {}

    # -- the log

    def appended(self, process: Process, subject: str, body: bytes) -> None:
        self.stirred_at[subject.split(".")[-1 if ".intent." in subject else 3]] = self._time()
        if subject.startswith("cloudkit.intent."):
            self._history.tell(str(process), f"asks {subject.split('.')[2]} to {_verb(read_intent(body))}")
        if not subject.startswith("cloudkit.job."):
            return
        event = read_event(body)
        job = event.job
        key = f"{event.instance}/{event.instance.uid}/{job.number}"
        self._history.tell(
            str(process), f"appends {event.event} {job.type} {key} rev {job.revision} id {job.job_id or '-'}"
        )
        self.lateness.appended(key, event)
        if event.event is JobEventName.CLAIMED:
            self._claimed_at[key].append(self._time())

    # -- AAP

    def happened(self, entry: AuditEntry) -> None:
        """*entry* is new in AAP's audit log."""
        what = f"{entry.event} {entry.purpose} {entry.cloudkit_job} id {entry.job} {entry.status}"
        self._history.tell("AAP", what)
        self.stirred_at[entry.name] = self._time()
        if entry.parent:
            return  # What a workflow runs is a part of it.
        active = self._active[entry.namespace, entry.name]
        match entry.event:
            case AuditEvent.RESTORE:
                self._active.clear()
                self.forgotten.append(self._time())
            case AuditEvent.LAUNCH:
                self._check_launch(entry, active)
                active[entry.job] = entry
                self.launches.append(entry)
                self._launched_at[entry.sequence] = self._time()
                self._history.counts["jobs launched"] += 1
            case AuditEvent.FINISH | AuditEvent.PURGE:
                active.pop(entry.job, None)
                if entry.event is AuditEvent.PURGE:
                    self.forgotten.append(self._time())
                elif entry.status == "canceled":
                    self._canceled_at[entry.namespace, entry.name] = entry.at.timestamp()
                if (entry.purpose, entry.status) == (Purpose.DEPROVISION, "successful"):
                    self._cleaned.add(entry.uid)

    def _check_launch(self, launch: AuditEntry, active: dict[int, AuditEntry]) -> None:
        same = [one for one in self.launches if one.cloudkit_job == launch.cloudkit_job]
        excused = bool(same) and self._excused(launch, same)
        if same and not excused:
            self._history.violated("I3", f"{launch.cloudkit_job} launched twice: {same[0].job}, {launch.job}")
        beside = [
            one for one in active.values() if not (excused and one in same) and not self._nobody_knew_of(one)
        ]
        if beside:
            others = ", ".join(f"{one.cloudkit_job} ({one.job})" for one in beside)
            self._history.violated("I1", f"{launch.cloudkit_job} ({launch.job}) launched beside {others}")
        if any(uid == launch.uid for uid, *_ in self._playbooks.values()) and not (
            self._log_lost_in_the_life_of(launch.uid)
        ):
            self._history.violated("I1", f"{launch.cloudkit_job} launched beside a playbook of EDA")
        paused_at = self.paused_at.get(launch.uid)
        if paused_at is not None and self._time() - paused_at > PAUSE_IS_KNOWN:
            self._history.violated("I7", f"{launch.cloudkit_job} launched although it is paused")
        place = launch.namespace, launch.name
        if not same and launch.at.timestamp() - self._canceled_at.get(place, 0.0) < LINGERS:
            self._history.violated("I1", f"{launch.cloudkit_job} launched while a canceled playbook goes on")
        cleanups = [one for one in self.launches if _cleans(one) and one.uid == launch.uid]
        if launch.purpose is Purpose.PROVISION and cleanups and not self._nobody_remembers(cleanups):
            self._history.violated("I2", f"{launch.cloudkit_job} provisions after a cleanup")

    def _nobody_knew_of(self, launch: AuditEntry) -> bool:
        """It was on its way when the log was lost, and a person took the finalizer off its instance: neither
        AAP, nor the log, nor a resource could tell."""
        claimed, launched = self._claimed_at[launch.cloudkit_job], self._launched_at[launch.sequence]
        on_its_way = any(since <= at <= launched for since in claimed for at in self.lost_logs)
        return on_its_way and launch.uid in self.forced

    def _nobody_remembers(self, cleanups: list[AuditEntry]) -> bool:
        """It came back from a backup, and since the last of *cleanups* both log and AAP have forgotten it."""
        since = self._launched_at[cleanups[-1].sequence]
        lost = any(since <= at for at in self.lost_logs) and any(since <= at for at in self.forgotten)
        return lost and cleanups[-1].uid in self._from_backups

    def _excused(self, launch: AuditEntry, same: list[AuditEntry]) -> bool:
        """AAP forgot jobs since the number was first claimed, so that looking for its first launch could not
        find it."""
        claimed = self._claimed_at[launch.cloudkit_job]
        since = min([self._launched_at[one.sequence] for one in same] + claimed)
        return any(since <= at for at in self.forgotten)

    # -- EDA

    def received(self, uid: str, *, cleanup: bool) -> None:
        """EDA was told of *uid*."""
        self._history.counts["webhooks"] += 1
        cleaned = any(was for _, was in self._webhooks[uid]) or any(
            one.uid == uid and one.purpose is Purpose.DEPROVISION for one in self.launches
        )
        if cleaned and not cleanup and not self._log_lost_in_the_life_of(uid):
            self._history.violated("I2", f"EDA is to provision {uid} after a cleanup")
        self._webhooks[uid].append((self._time(), cleanup))

    def playbook_began(self, run: int, uid: str, namespace: str, name: str) -> None:
        """A playbook of EDA is at work. EDA is told at least once, so beside its like it may be, when a log
        was lost; but not beside a job of AAP."""
        beside = [one for one in self._active[namespace, name].values() if one.uid == uid]
        others = [other for other, *_ in self._playbooks.values() if other == uid]
        if (beside or others) and not self._log_lost_in_the_life_of(uid):
            self._history.violated("I1", f"a playbook of EDA began for {uid} beside {beside or 'another'}")
        self._playbooks[run] = uid, namespace, name

    def playbook_ended(self, run: int) -> None:
        del self._playbooks[run]

    def _log_lost_in_the_life_of(self, uid: str) -> bool:
        return any(self.born_at.get(uid, 0.0) <= at for at in self.lost_logs)

    # -- Kubernetes

    def written(self, instance: ComputeInstance, gone: bool) -> None:
        """*instance* has changed, or was removed."""
        jobs = " ".join(f"{job.number}{job.type[0]}:{job.state}" for job in instance.status.jobs)
        state = "gone" if gone else "deleting" if instance.deleting else "there"
        ref = instance.ref
        self._history.tell(
            "Kubernetes",
            f"{ref} {ref.uid[-4:]} v{instance.metadata.resource_version} {state} "
            f"gen {instance.metadata.generation} fin {len(instance.metadata.finalizers)} "
            f"{instance.status.phase or '-'} [{jobs}]",
        )
        self.stirred_at[ref.name] = self._time()
        self.lateness.written(instance, gone)
        self._check_records(instance)
        self._check_finalizer(instance)
        if gone:
            self._check_release(instance)

    def came_back(self, uid: str, *, paused: bool) -> None:
        """*uid* is about to come back from a backup of the cluster."""
        self._from_backups.add(uid)
        self.restored.add(uid)
        self.paused_at[uid] = self._time() if paused else None
        self.lateness.came_back(uid)

    def _check_records(self, instance: ComputeInstance) -> None:
        uid = instance.metadata.uid
        self.born_at.setdefault(uid, self._time())
        before = {} if uid in self.restored else self._seen.get(uid, {})
        now = {job.number: job for job in instance.status.jobs}
        for number, job in now.items():
            old = before.get(number)
            if old is None or self.meddled.get((uid, number)) == old.revision:
                continue  # What somebody wrote there by hand may be corrected.
            if self._went_back(uid, old, job):
                what = f"record {uid}/{number} went back from {_brief(old)} to {_brief(job)}"
                self._history.violated("I5", what)
        self._seen[uid] = now

    def _went_back(self, uid: str, old: JobRecord, new: JobRecord) -> bool:
        born = self.born_at[uid]
        if is_unobserved(old):
            return False  # It has ended; how, somebody may still learn.
        if any(born <= at for at in self.lost_logs):
            if any(born <= at for at in self.forgotten):
                return False  # With both memories gone nobody knows that the number was taken.
            # A new log counts revisions anew; what was said of a job's end still stands.
            return old.closed and (old.state, old.job_id) != (new.state, new.job_id)
        if old.closed:
            return (old.state, old.job_id, old.revision) != (new.state, new.job_id, new.revision)
        return new.revision < old.revision

    def _check_finalizer(self, instance: ComputeInstance) -> None:
        """Only what is being deleted may lose it; a careless playbook of EDA takes it off, too."""
        uid = instance.metadata.uid
        if self._webhooks[uid]:
            return
        if instance.adopted:
            self._adopted.add(uid)
        elif uid in self._adopted and not instance.deleting:
            self._adopted.discard(uid)
            self._history.violated("I4", f"{instance.ref} {uid} is not being deleted and lost its finalizer")

    def _check_release(self, instance: ComputeInstance) -> None:
        uid = instance.metadata.uid
        launched = [one for one in self.launches if one.uid == uid]
        at_work = any(other == uid for other, *_ in self._playbooks.values())
        if at_work and uid not in self.forced and not self._log_lost_in_the_life_of(uid):
            self._history.violated("I4", f"{instance.ref} {uid} released while EDA is at work")
        if uid in self.forced or not launched or self._webhooks[uid]:
            return
        if self.believed_a_person(uid):
            return
        if uid not in self._cleaned:
            self._history.violated("I4", f"{instance.ref} {uid} released without a successful cleanup")
        active = self._active[instance.ref.namespace, instance.ref.name].values()
        edited = any(uid == meddled for meddled, _ in self.meddled)
        if running := [one.job for one in active if one.uid == uid and not (edited and _cleans(one))]:
            self._history.violated("I4", f"{instance.ref} {uid} released while {running} run")

    def believed_a_person(self, uid: str) -> bool:
        """Somebody wrote by hand how a job of *uid* ended, and the log that could tell better was lost."""
        return self._log_lost_in_the_life_of(uid) and any(uid == meddled for meddled, _ in self.meddled)


def _cleans(launch: AuditEntry) -> bool:
    """Whoever reads that a cleanup failed, which it has not, may run it once more."""
    return launch.purpose is Purpose.DEPROVISION


def _verb(intent: Intent) -> str:
    number = "" if isinstance(intent, Reconcile) else f" as {intent.number}"
    return f"{type(intent).__name__.lower()} {intent.instance} {intent.instance.uid[-4:]}{number}"


def _brief(job: JobRecord) -> str:
    return f"{job.type} {job.state} revision {job.revision} id {job.job_id}"
