"""Templates, users, jobs and workflow nodes, as AAP has them.

::

    job:           pending ──► waiting ──► running ──► successful │ failed │ error │ canceled
    workflow job:  pending ──────────────► running ──► successful │ failed │ canceled
    approval:      pending ──────────────────────────► successful │ failed │ canceled
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from sandbox.aap.playbooks import Play
from sandbox.aap.subjects import Purpose, Subject


class Status(StrEnum):
    PENDING = "pending"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    ERROR = "error"
    CANCELED = "canceled"


ACTIVE = frozenset({Status.PENDING, Status.WAITING, Status.RUNNING})
UNSUCCESSFUL = frozenset({Status.FAILED, Status.ERROR, Status.CANCELED})


class JobKind(StrEnum):
    JOB = "job"
    WORKFLOW_JOB = "workflow_job"
    WORKFLOW_APPROVAL = "workflow_approval"
    """A step of a workflow at which a person decides; pending until then."""


class TemplateKind(StrEnum):
    JOB_TEMPLATE = "job_template"
    WORKFLOW_JOB_TEMPLATE = "workflow_job_template"
    WORKFLOW_APPROVAL_TEMPLATE = "workflow_approval_template"
    """Belongs to one workflow template, and is in no list."""


LAUNCHABLE = (TemplateKind.JOB_TEMPLATE, TemplateKind.WORKFLOW_JOB_TEMPLATE)


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a token stands for. ``scope`` is ``read`` or ``write``."""

    id: int = 9
    username: str = "svc"
    superuser: bool = False
    scope: str = "write"


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A job template or workflow job template.

    ``id`` 0 asks for a new one. ``purpose`` None is read from the name. ``ask`` holds the names of
    launch fields, besides extra_vars, that may be prompted for. ``nodes`` are the names of the
    templates that a workflow runs, all at once, and ``approvals`` those of its steps at which a person
    decides. Only a superuser may launch what is not ``launchable``, and cancel jobs of what is not
    ``cancelable``.
    """

    name: str
    id: int = 0
    kind: TemplateKind = TemplateKind.JOB_TEMPLATE
    organization: str = "Default"
    purpose: Purpose | None = None
    ask_variables_on_launch: bool = True
    ask: frozenset[str] = frozenset()
    allow_simultaneous: bool = True
    job_slice_count: int = 1
    nodes: tuple[str, ...] = ()
    approvals: tuple[str, ...] = ()
    launchable: bool = True
    cancelable: bool = True

    def asks_for(self, launch_field: str) -> bool:
        """Whether *launch_field* may be given at launch."""
        return self.ask_variables_on_launch if launch_field == "extra_vars" else launch_field in self.ask


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a launch asks for. ``extra_vars`` is JSON text; ``prompts`` are the other accepted fields."""

    template: Template
    user: User
    extra_vars: bytes = b"{}"
    prompts: dict[str, Any] = field(default_factory=dict)

    @property
    def slices(self) -> int:
        """Into how many jobs the launch of a job template is cut."""
        return int(self.prompts.get("job_slice_count", self.template.job_slice_count))

    def kind(self, *, of_slice: bool) -> JobKind:
        """A sliced job template makes a workflow job, wherever it is launched, and that makes jobs, its
        slices."""
        kind = self.template.kind
        if kind is TemplateKind.WORKFLOW_APPROVAL_TEMPLATE:
            return JobKind.WORKFLOW_APPROVAL
        sliced = self.slices > 1 and not of_slice
        return JobKind.WORKFLOW_JOB if sliced or kind is TemplateKind.WORKFLOW_JOB_TEMPLATE else JobKind.JOB


@dataclass(slots=True, eq=False, kw_only=True)
class Job:
    """A job, workflow job or approval. Only `sandbox.aap.controller` changes one.

    ``step`` grows whenever its future is planned anew; what was planned under an older one is void.
    ``quoted_vars`` is extra_vars as AAP shows it: a JSON string that holds JSON. ``cancelable`` None is
    as the template says. Every list breaks whose page has a job that ``breaks_lists``. It is ``orphaned``
    once its template was deleted, and says of none then. ``held``: its playbook does nothing to the
    machine, and does not end, until whoever plays its part in Kubernetes lets it go on.
    """

    id: int
    kind: JobKind
    order: Order
    organization: int
    subject: Subject
    play: Play
    created: datetime
    quoted_vars: bytes
    parent: "Job | None" = None
    slice_number: int = 0
    held: bool = False
    status: Status = Status.PENDING
    modified: datetime
    started: datetime | None = None
    finished: datetime | None = None
    canceled_on: datetime | None = None
    explanation: str = ""
    traceback: str = ""
    nodes: "list[Node]" = field(default_factory=list)
    cancelable: bool | None = None
    breaks_lists: bool = False
    orphaned: bool = False
    step: int = 0
    fixed_json: bytes | None = None
    changing_json: bytes | None = None

    @property
    def template(self) -> Template:
        return self.order.template

    @property
    def template_id(self) -> int | None:
        return None if self.orphaned else self.template.id

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    @property
    def failed(self) -> bool:
        return self.status in UNSUCCESSFUL

    @property
    def name(self) -> str:
        return self.template.name

    def elapsed(self, now: datetime) -> float:
        """Seconds from its start to its end, or to *now* while it runs."""
        if self.started is None:
            return 0.0
        return max(0.0, ((self.finished or now) - self.started).total_seconds())


@dataclass(slots=True, eq=False, kw_only=True)
class Node:
    """One step of a workflow job. ``job`` is None until the workflow runs it."""

    id: int
    workflow: Job
    template: Template
    identifier: str
    job: Job | None = None
    do_not_run: bool = False
