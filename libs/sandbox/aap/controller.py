"""The controller: launches, cancels and ends jobs. Knows nothing of HTTP.

Whoever calls says `advance` first, which brings everything to the present; whatever a job does on
its own stands in the agenda.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias

import msgspec

from cloudkit.runtime.ports import Clock
from sandbox.aap.agenda import Agenda
from sandbox.aap.audit import AuditEvent, AuditLog
from sandbox.aap.catalog import DEFAULT_TEMPLATES, Catalog
from sandbox.aap.jobs import Jobs
from sandbox.aap.journal import (
    Canceled,
    Change,
    Decided,
    Forced,
    Journal,
    Launched,
    Marked,
    Proceeded,
    Purged,
    Restored,
    RulesAdded,
    RulesReset,
    TemplatePut,
    TemplateRemoved,
)
from sandbox.aap.machines import Machines
from sandbox.aap.model import Job, JobKind, Node, Order, Status, Template, TemplateKind, User
from sandbox.aap.playbooks import Outcome, Playbooks, Rule
from sandbox.aap.settings import Settings
from sandbox.aap.subjects import Purpose, purpose_of, read_subject

WORKFLOW_FAILED = "No error handling paths found, marking workflow as failed"
TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/var/lib/awx/venv/awx/lib/python3.11/site-packages/awx/main/tasks/jobs.py", line 588, in run\n'
    "RuntimeError: the execution environment could not be started\n"
)
ENDS = {
    Outcome.SUCCESSFUL: Status.SUCCESSFUL,
    Outcome.FAILED: Status.FAILED,
    Outcome.ERROR: Status.ERROR,
}

LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""When a controller is made; a journal may take it on from any later moment."""
JobDeed: TypeAlias = Callable[[Job, datetime], None]
"""Something a job does, and the moment at which it was due."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The workflow job that spawns a job, and as which slice."""

    workflow: Job | None = None
    slice_number: int = 0


class Controller:
    """All state of one controller."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.now = LONG_AGO
        self.catalog = Catalog(DEFAULT_TEMPLATES)
        self.playbooks = Playbooks(settings)
        self.jobs = Jobs()
        self.machines = Machines()
        self.audit = AuditLog()
        self.agenda = Agenda()
        self.journal: Journal | None = None
        self._next_id = settings.first_id
        self._next_node_id = 1
        self._started_of: dict[int, set[Job]] = defaultdict(set)
        self._queue_of: dict[int, deque[Job]] = defaultdict(deque)

    def advance(self) -> None:
        """Let everything happen that is due. Time never goes back, whatever the clock does."""
        self.advance_to(self.clock.now())

    def advance_to(self, moment: datetime) -> None:
        """Let everything happen that is due by *moment*."""
        now = max(self.now, moment)
        self.agenda.advance(now)
        self.now = now

    def _keep(self, change: Change) -> None:
        if self.journal is not None:
            self.journal.write(change)

    # -- launching

    def launch(self, order: Order, at: datetime, *, seen_after: float = 0) -> Job:
        """A new job, or a workflow job that runs the slices of a sliced template.

        *seen_after* seconds its transaction stays open: until then it has an id but nobody sees it.
        """
        self._keep(Launched(at=at, order=order, seen_after=seen_after))
        job = self._new_job(order, at, Origin())
        if seen_after:
            self.agenda.after(seen_after, at, partial(self._appear, job))
        else:
            self._appear(job, at)
        return job

    def _new_job(self, order: Order, at: datetime, origin: Origin) -> Job:
        template = order.template
        subject = read_subject(order.extra_vars)
        purpose = template.purpose or purpose_of(template.name)
        job = Job(
            id=self._next_id,
            kind=order.kind(of_slice=bool(origin.slice_number)),
            order=order,
            organization=self.catalog.organization_id(template),
            subject=subject,
            play=self.playbooks.plan(template.name, purpose, subject),
            created=at,
            modified=at,
            quoted_vars=msgspec.json.encode(order.extra_vars.decode()),
            parent=origin.workflow,
            slice_number=origin.slice_number,
            held=subject.by_rulebook,
        )
        self._next_id += 1
        return job

    def _appear(self, job: Job, at: datetime) -> None:
        self.jobs.add(job)
        self.audit.note(AuditEvent.LAUNCH, job, at, by=job.order.user.username)
        if job.kind is JobKind.WORKFLOW_APPROVAL:
            job.started = at
        else:
            self._plan(job, job.play.pending_seconds, at, self._begin)

    def _plan(self, job: Job, seconds: float, since: datetime, deed: JobDeed) -> None:
        """Do *deed* to *job* then, unless its future is planned anew before that."""
        step = job.step

        def do(at: datetime) -> None:
            if job.step == step:
                deed(job, at)

        self.agenda.after(seconds, since, do)

    # -- running

    def _begin(self, job: Job, at: datetime) -> None:
        if job.status is not Status.PENDING:
            return
        if (ahead := self._ahead_of(job)) is not None:
            self._move(job, Status.PENDING, explanation=f"waiting for {ahead.kind}-{ahead.id} to finish")
            self._queue_of[job.template.id].append(job)
            return
        self._started_of[job.template.id].add(job)
        if job.kind is JobKind.WORKFLOW_JOB:
            self._run_workflow(job, at)
        else:
            self._move(job, Status.WAITING)
            self._plan(job, job.play.waiting_seconds, at, self._run)

    def _ahead_of(self, job: Job) -> Job | None:
        """The job that *job* must wait for; the slices of one launch never wait for each other."""
        slice = job.parent is not None and job.parent.template.id == job.template.id
        if job.template.allow_simultaneous or slice:
            return None
        return min(self._started_of[job.template.id], key=lambda other: other.id, default=None)

    def _run(self, job: Job, at: datetime) -> None:
        if job.status is not Status.WAITING:
            return
        self._start(job, at)
        if not job.held:
            self._play(job, at)

    def proceed(self, job: Job, at: datetime) -> None:
        """Let the held *job* go on to its machine."""
        self._keep(Proceeded(at=at, job=job.id))
        if job.held and job.status is Status.RUNNING:
            job.held = False
            self._play(job, at)

    def _play(self, job: Job, at: datetime) -> None:
        if job.play.outcome is not Outcome.STUCK:
            self._plan(job, job.play.seconds, at, self._end)

    def _start(self, job: Job, at: datetime) -> None:
        job.started, job.modified = job.started or at, at
        self._move(job, Status.RUNNING)
        self.audit.note(AuditEvent.START, job, at)

    def _end(self, job: Job, at: datetime) -> None:
        """The playbook is done. If it survived a cancel, its end overwrites `canceled`."""
        status = ENDS[job.play.outcome]
        self.finish(job, status, at, traceback=TRACEBACK if status is Status.ERROR else "")

    def finish(
        self, job: Job, status: Status, at: datetime, *, explanation: str = "", traceback: str = ""
    ) -> None:
        """End *job*. Its ``finished`` is stamped at its first end alone."""
        first_end, job.finished = job.finished is None, job.finished or at
        job.traceback = traceback
        self._move(job, status, explanation=explanation, first_end=first_end)
        if job.kind is JobKind.JOB and job.started is not None:
            job.modified = at
            if not job.held:
                self._leave_machine(job, at)
        self.audit.note(AuditEvent.FINISH, job, at)
        self._make_room(job, at)
        if job.parent is not None:
            self._plan(job.parent, self.settings.workflow_seconds, at, self._check_workflow)

    def _move(self, job: Job, status: Status, *, explanation: str = "", first_end: bool = False) -> None:
        job.status, job.explanation, job.changing_json = status, explanation, None
        self.jobs.moved(job, first_end=first_end)

    def _leave_machine(self, job: Job, at: datetime) -> None:
        def leave(_: datetime) -> None:
            purpose = job.template.purpose or Purpose.OTHER
            succeeded = job.status is Status.SUCCESSFUL
            self.machines.leave_behind(job.subject, purpose, job=job.id, succeeded=succeeded)

        self.agenda.after(self.settings.linger_seconds if job.status is Status.CANCELED else 0, at, leave)

    def _make_room(self, job: Job, at: datetime) -> None:
        self._started_of[job.template.id].discard(job)
        queue = self._queue_of[job.template.id]
        while queue:
            if (following := queue.popleft()).status is Status.PENDING:
                self._plan(following, 0, at, self._begin)
                return

    # -- workflows

    def _run_workflow(self, job: Job, at: datetime) -> None:
        self._start(job, at)
        for slice_number, template in self._steps(job):
            node = Node(
                id=self._next_node_id,
                workflow=job,
                template=template,
                identifier=f"{template.name}-{len(job.nodes) + 1}",
            )
            self._next_node_id += 1
            job.nodes.append(node)
            order = Order(template=template, user=job.order.user, extra_vars=job.order.extra_vars)
            node.job = self._new_job(order, at, Origin(workflow=job, slice_number=slice_number))
            self._appear(node.job, at)
        self._plan(job, self.settings.workflow_seconds, at, self._check_workflow)

    def _steps(self, job: Job) -> Iterator[tuple[int, Template]]:
        if job.template.kind is TemplateKind.JOB_TEMPLATE:
            yield from ((number, job.template) for number in range(1, job.order.slices + 1))
        else:
            yield from ((0, template) for template in self.catalog.node_templates(job.template))
            yield from ((0, template) for template in self.catalog.approval_templates(job.template))

    def _check_workflow(self, job: Job, at: datetime) -> None:
        spawned = [node.job for node in job.nodes if node.job is not None]
        forgotten = self.jobs.get(job.id) is not job
        if forgotten or not job.active or any(one.active for one in spawned):
            return
        if job.canceled_on is not None:
            self.finish(job, Status.CANCELED, at)
        elif any(one.failed for one in spawned):
            self.finish(job, Status.FAILED, at, explanation=WORKFLOW_FAILED)
        else:
            self.finish(job, Status.SUCCESSFUL, at)

    def decide(self, approval: Job, at: datetime, *, approved: bool, by: str) -> None:
        """A person approves or denies; what is denied has failed, and does not say why."""
        self._keep(Decided(at=at, job=approval.id, approved=approved, by=by))
        self.finish(approval, Status.SUCCESSFUL if approved else Status.FAILED, at)

    # -- canceling, forgetting

    def may_cancel(self, user: User, job: Job) -> bool:
        """Whether *user* may cancel *job* while it is active: nobody may cancel what others launched, but
        for superusers, who may do anything."""
        by_template = self.catalog.now(job.template).cancelable
        allowed = by_template if job.cancelable is None else job.cancelable
        return user.superuser or (allowed and job.order.user.id == user.id)

    def cancel(self, job: Job, at: datetime, *, by: str) -> None:
        """Ask an active *job* to stop: at once if it has not started, later if it runs."""
        self._keep(Canceled(at=at, job=job.id, by=by))
        self._cancel(job, at, by=by)

    def _cancel(self, job: Job, at: datetime, *, by: str) -> None:
        again, job.canceled_on = job.canceled_on is not None, job.canceled_on or at
        self.audit.note(AuditEvent.CANCEL, job, at, by=by)
        if job.status is not Status.RUNNING:
            self._stop(job, at)
        elif job.kind is JobKind.WORKFLOW_JOB:
            self._cancel_nodes(job, at, by=by)
        elif job.play.survives_cancel:
            self.finish(job, Status.CANCELED, at)
        elif not again:
            self._move(job, Status.RUNNING)
            self._plan(job, job.play.cancel_seconds, at, self._stop)

    def _stop(self, job: Job, at: datetime) -> None:
        if job.active:
            job.step += 1
            self.finish(job, Status.CANCELED, at)

    def _cancel_nodes(self, job: Job, at: datetime, *, by: str) -> None:
        self._move(job, Status.RUNNING)
        for node in job.nodes:
            if node.job is not None and node.job.active:
                self._cancel(node.job, at, by=by)
        self._plan(job, self.settings.workflow_seconds, at, self._check_workflow)

    def force(self, job: Job, status: Status, at: datetime, *, explanation: str = "") -> None:
        """Put *job* into *status* by hand; what it would have done by itself is void."""
        self._keep(Forced(at=at, job=job.id, status=status, explanation=explanation))
        job.step += 1
        if status is Status.PENDING:
            self._move(job, status, explanation=explanation)
            self._plan(job, job.play.pending_seconds, at, self._begin)
        elif status is Status.WAITING:
            self._move(job, status, explanation=explanation)
            self._plan(job, job.play.waiting_seconds, at, self._run)
        elif status is Status.RUNNING:
            self._start(job, at)
            self._plan(job, job.play.seconds, at, self._end)
        else:
            if status is Status.SUCCESSFUL:
                job.started = job.started or at
            self.finish(job, status, at, explanation=explanation)

    def mark(self, job: Job, *, cancelable: bool | None, breaks_lists: bool) -> None:
        """Say whether others than superusers may cancel *job*, and whether lists break on it."""
        self._keep(Marked(at=self.now, job=job.id, cancelable=cancelable, breaks_lists=breaks_lists))
        job.cancelable, job.breaks_lists = cancelable, breaks_lists

    def purge(self, job: Job, at: datetime, *, by: str) -> None:
        """Forget *job*, and what it runs as a workflow."""
        self._keep(Purged(at=at, job=job.id, by=by))
        self._purge(job, at, by=by)

    def _purge(self, job: Job, at: datetime, *, by: str) -> None:
        for node in job.nodes:
            if node.job is not None and node.job.active:
                self._purge(node.job, at, by=by)
        job.step += 1
        self.jobs.remove(job)
        if job in (queue := self._queue_of[job.template.id]):
            queue.remove(job)
        self.audit.note(AuditEvent.PURGE, job, at, by=by)
        self._make_room(job, at)
        if job.parent is not None:
            for node in job.parent.nodes:
                node.job = None if node.job is job else node.job
            self._plan(job.parent, self.settings.workflow_seconds, at, self._check_workflow)

    def restore(self, next_id: int) -> None:
        """A restored backup: no jobs, ids go on from *next_id*. Machines and the audit log stay."""
        self._keep(Restored(at=self.now, next_id=next_id))
        self.jobs = Jobs()
        self.agenda.clear()
        self._started_of.clear()
        self._queue_of.clear()
        self._next_id = next_id
        self.audit.note_restore(self.now)

    # -- templates and rules

    def put_template(self, template: Template) -> Template:
        """Add *template*, or change the one that has its id."""
        self._keep(TemplatePut(at=self.now, template=template))
        return self.catalog.put(template)

    def remove_template(self, id: int) -> None:
        self._keep(TemplateRemoved(at=self.now, id=id))
        self.catalog.remove(id)
        for job in self.jobs:
            if job.template.id == id:
                job.orphaned, job.fixed_json = True, None

    def add_rules(self, rules: tuple[Rule, ...]) -> None:
        """Jobs launched from now on heed *rules* first."""
        self._keep(RulesAdded(at=self.now, rules=rules))
        self.playbooks.put_first(rules)

    def reset_rules(self) -> None:
        self._keep(RulesReset(at=self.now))
        self.playbooks.reset()
