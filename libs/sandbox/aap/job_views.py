"""Jobs over HTTP: lists, details, cancel, events, nodes, delete."""

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter

import msgspec
from aiohttp import web

from sandbox.aap.answers import (
    Answer,
    bad_gateway,
    bad_request,
    encoded,
    forbidden,
    json_response,
    method_not_allowed,
    not_found,
)
from sandbox.aap.events import events_complete, job_events, node_row
from sandbox.aap.filters import Field, Filter, Model, Type
from sandbox.aap.gate import CONTROLLER, USER
from sandbox.aap.lists import kinds_asked_for, listed
from sandbox.aap.model import Job, JobKind, Node, Status
from sandbox.aap.rows import detail, row


def _template_field(name: str) -> Field:
    return Field(Type.TEXT, attrgetter(f"template.{name}"))


def _prompt(name: str, default: object) -> Field:
    return Field(Type.TEXT, lambda job: job.order.prompts.get(name, default))


_COMMON = {
    "id": Field(Type.INTEGER, attrgetter("id")),
    "name": Field(Type.TEXT, attrgetter("name")),
    "description": Field(Type.TEXT, lambda _: ""),
    "status": Field(Type.TEXT, attrgetter("status")),
    "failed": Field(Type.FLAG, attrgetter("failed")),
    "created": Field(Type.MOMENT, attrgetter("created")),
    "modified": Field(Type.MOMENT, attrgetter("modified")),
    "started": Field(Type.MOMENT, attrgetter("started")),
    "finished": Field(Type.MOMENT, attrgetter("finished")),
    "canceled_on": Field(Type.MOMENT, attrgetter("canceled_on")),
    "job_explanation": Field(Type.TEXT, attrgetter("explanation")),
    "launch_type": Field(Type.TEXT, lambda job: "manual" if job.parent is None else "workflow"),
    "created_by": Field(Type.INTEGER, attrgetter("order.user.id")),
    "created_by__username": Field(Type.TEXT, attrgetter("order.user.username")),
    "organization": Field(Type.INTEGER, attrgetter("organization")),
    "organization__name": _template_field("organization"),
    "unified_job_template": Field(Type.INTEGER, attrgetter("template_id")),
    "unified_job_template__name": _template_field("name"),
}
_OF_JOBS = {
    "job_template": Field(Type.INTEGER, attrgetter("template_id")),
    "job_template__name": _template_field("name"),
    "job_type": _prompt("job_type", "run"),
    "limit": _prompt("limit", ""),
    "skip_tags": _prompt("skip_tags", ""),
    "job_tags": _prompt("job_tags", ""),
    "scm_branch": _prompt("scm_branch", ""),
}
_OF_WORKFLOW_JOBS = {
    "workflow_job_template": Field(Type.INTEGER, attrgetter("template_id")),
    "workflow_job_template__name": _template_field("name"),
}
MODELS = {
    (JobKind.JOB,): Model("Job", _COMMON | _OF_JOBS),
    (JobKind.WORKFLOW_JOB,): Model("WorkflowJob", _COMMON | _OF_WORKFLOW_JOBS),
    (JobKind.WORKFLOW_APPROVAL,): Model("WorkflowApproval", _COMMON),
    tuple(JobKind): Model("UnifiedJob", _COMMON),
}
EVENT_MODEL = Model(
    "JobEvent",
    {
        "id": Field(Type.INTEGER, attrgetter("id")),
        "counter": Field(Type.INTEGER, attrgetter("counter")),
        "event": Field(Type.TEXT, attrgetter("event")),
        "failed": Field(Type.FLAG, attrgetter("failed")),
        "changed": Field(Type.FLAG, attrgetter("changed")),
        "host_name": Field(Type.TEXT, attrgetter("host_name")),
        "task": Field(Type.TEXT, attrgetter("task")),
        "play": Field(Type.TEXT, attrgetter("play")),
        "created": Field(Type.MOMENT, attrgetter("created")),
        "uuid": Field(Type.TEXT, attrgetter("uuid")),
    },
)
NODE_MODEL = Model(
    "WorkflowJobNode",
    {
        "id": Field(Type.INTEGER, attrgetter("id")),
        "identifier": Field(Type.TEXT, attrgetter("identifier")),
        "do_not_run": Field(Type.FLAG, attrgetter("do_not_run")),
        "job": Field(Type.INTEGER, lambda node: node.job.id if node.job is not None else None),
        "job__status": Field(Type.TEXT, lambda node: node.job.status if node.job is not None else None),
        "job__failed": Field(Type.FLAG, lambda node: node.job.failed if node.job is not None else None),
    },
)


class JobViews:
    """The views on jobs of *kinds*. A job of another kind does not exist here."""

    def __init__(self, *kinds: JobKind) -> None:
        self._kinds = kinds
        self._model = MODELS[kinds]

    async def list(self, request: web.Request) -> web.Response:
        controller = request.app[CONTROLLER]
        kinds = kinds_asked_for(request, self._kinds)
        now = controller.now

        def candidates(filter: Filter) -> Iterable[Job]:
            return (job for job in controller.jobs.candidates(filter) if job.kind in kinds)

        return listed(request, candidates, self._model, lambda job: _listed_row(job, now))

    async def detail(self, request: web.Request) -> web.Response:
        controller = request.app[CONTROLLER]
        job = self._find(request)
        complete = events_complete(job, controller.now, controller.settings.event_seconds)
        return json_response(detail(job, controller.now, events_complete=complete))

    async def can_cancel(self, request: web.Request) -> web.Response:
        return encoded({"can_cancel": self._find(request).active})

    async def cancel(self, request: web.Request) -> web.Response:
        """202 while the job is active; later 405 for a superuser and 403 for everybody else."""
        controller, user, job = request.app[CONTROLLER], request[USER], self._find(request)
        if not user.superuser and not (job.active and controller.may_cancel(user, job)):
            raise forbidden()
        if not job.active:
            raise method_not_allowed("POST")
        if job.status is Status.RUNNING and job.play.survives_cancel:
            await controller.clock.sleep(controller.settings.dispatcher_seconds)
            controller.advance()
        if job.active:
            controller.cancel(job, controller.now, by=user.username)
        return web.Response(status=202)

    async def approve(self, request: web.Request) -> web.Response:
        return self._decide(request, approved=True)

    async def deny(self, request: web.Request) -> web.Response:
        return self._decide(request, approved=False)

    def _decide(self, request: web.Request, *, approved: bool) -> web.Response:
        controller, approval = request.app[CONTROLLER], self._find(request)
        if not approval.active:
            raise Answer(400, {"error": "This workflow step has already been approved or denied."})
        controller.decide(approval, controller.now, approved=approved, by=request[USER].username)
        return web.Response(status=204)

    async def delete(self, request: web.Request) -> web.Response:
        controller, user, job = request.app[CONTROLLER], request[USER], self._find(request)
        if not user.superuser:
            raise forbidden()
        if job.active:
            raise forbidden("Cannot delete running job resource.")
        if not events_complete(job, controller.now, controller.settings.event_seconds):
            raise bad_request("Related job(s) are still processing events.")
        controller.purge(job, controller.now, by=user.username)
        return web.Response(status=204)

    async def events(self, request: web.Request) -> web.Response:
        controller = request.app[CONTROLLER]
        events = job_events(self._find(request), controller.now, controller.settings.event_seconds)
        return listed(request, lambda _: events, EVENT_MODEL, msgspec.json.encode, takes_limit=True)

    async def nodes(self, request: web.Request) -> web.Response:
        now, nodes = request.app[CONTROLLER].now, self._find(request).nodes

        def encode(node: Node) -> bytes:
            return msgspec.json.encode(node_row(node, now))

        return listed(request, lambda _: nodes, NODE_MODEL, encode)

    def _find(self, request: web.Request) -> Job:
        job = request.app[CONTROLLER].jobs.get(int(request.match_info["id"]))
        if job is None or job.kind not in self._kinds:
            raise not_found()
        return job


def _listed_row(job: Job, now: datetime) -> bytes:
    """*job* as lists have it, unless it is one of those that kill the worker who lists them."""
    if job.breaks_lists:
        raise bad_gateway()
    return row(job, now)
