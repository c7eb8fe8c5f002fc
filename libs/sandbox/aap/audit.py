"""What happened to which job, in order, and the rules that must never be broken by whoever launches."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec

from sandbox.aap.model import Job
from sandbox.aap.subjects import Purpose


class AuditEvent(StrEnum):
    LAUNCH = "launch"
    START = "start"
    CANCEL = "cancel"
    FINISH = "finish"
    PURGE = "purge"
    RESTORE = "restore"
    """Everything was forgotten."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened, at the server's time ``at``.

    ``status`` is the job's from then on, ``parent`` the workflow job that spawned it, ``by`` who did it;
    ``by_rulebook``: Event-Driven Ansible launched it.
    """

    sequence: int
    at: datetime
    event: AuditEvent
    job: int = 0
    kind: str = ""
    template: str = ""
    purpose: Purpose = Purpose.OTHER
    namespace: str = ""
    name: str = ""
    uid: str = ""
    cloudkit_job: str = ""
    status: str = ""
    by: str = ""
    parent: int = 0
    by_rulebook: bool = False


class AuditLog:
    """Entries in the order in which they happened, numbered from 1."""

    def __init__(self) -> None:
        self._entries: list[AuditEntry] = []

    def after(self, sequence: int) -> list[AuditEntry]:
        """The entries after the one with *sequence*; all of them for 0."""
        return self._entries[sequence:]

    def note_restore(self, at: datetime) -> None:
        """Everything was forgotten."""
        self._entries.append(AuditEntry(sequence=self._next, at=at, event=AuditEvent.RESTORE))

    def note(self, event: AuditEvent, job: Job, at: datetime, *, by: str = "") -> None:
        """*event* happened to *job*."""
        subject = job.subject
        self._entries.append(
            AuditEntry(
                sequence=self._next,
                at=at,
                event=event,
                job=job.id,
                kind=job.kind,
                template=job.template.name,
                purpose=job.template.purpose or Purpose.OTHER,
                namespace=subject.namespace,
                name=subject.name,
                uid=subject.uid,
                cloudkit_job=subject.number,
                status=job.status,
                by=by,
                parent=job.parent.id if job.parent is not None else 0,
                by_rulebook=subject.by_rulebook,
            )
        )

    @property
    def _next(self) -> int:
        return len(self._entries) + 1


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """A broken rule, and the launch that broke it."""

    rule: str
    launch: AuditEntry
    beside: tuple[int, ...] = ()
    """The jobs that the launch should have respected."""


class _Witness:
    """Follows the log and says what each launch breaks."""

    def __init__(self) -> None:
        self._active: dict[tuple[str, str], set[int]] = defaultdict(set)
        self._of_number: dict[str, int] = {}
        self._deprovisioned: dict[str, int] = {}

    def hear(self, entry: AuditEntry) -> Iterable[Violation]:
        if entry.event is AuditEvent.RESTORE:
            self._active.clear()  # what was forgotten is not seen to end
        if entry.parent or not entry.name:
            return
        active = self._active[entry.namespace, entry.name]
        if entry.event is AuditEvent.LAUNCH:
            yield from self._broken_by(entry, active)
            active.add(entry.job)
        elif entry.event in (AuditEvent.FINISH, AuditEvent.PURGE):
            active.discard(entry.job)

    def _broken_by(self, launch: AuditEntry, active: set[int]) -> Iterable[Violation]:
        if active:
            yield Violation(rule="two jobs of one name", launch=launch, beside=tuple(sorted(active)))
        if launch.cloudkit_job:
            if (first := self._of_number.get(launch.cloudkit_job)) is not None:
                yield Violation(rule="a job number launched twice", launch=launch, beside=(first,))
            self._of_number.setdefault(launch.cloudkit_job, launch.job)
        if launch.purpose is Purpose.DEPROVISION:
            self._deprovisioned.setdefault(launch.uid, launch.job)
        elif launch.purpose is Purpose.PROVISION and launch.uid in self._deprovisioned:
            gone = self._deprovisioned[launch.uid]
            yield Violation(rule="provisioned after its deprovision", launch=launch, beside=(gone,))


def violations(entries: Iterable[AuditEntry]) -> list[Violation]:
    """Every broken rule in *entries*, oldest first: at most one job is active per namespace/name, no
    job number is launched twice, nothing is provisioned beside or after the deprovision of its uid.

    Jobs that a workflow spawned are part of it and not looked at.
    """
    witness = _Witness()
    return [violation for entry in entries for violation in witness.hear(entry)]
