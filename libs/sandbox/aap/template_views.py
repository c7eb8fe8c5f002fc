"""Templates over HTTP: lists, details, launch."""

from functools import partial
from operator import attrgetter

import msgspec
from aiohttp import web

from sandbox.aap.answers import encoded, forbidden, json_response, not_found, unsupported_media_type
from sandbox.aap.controller import Controller
from sandbox.aap.faults import FaultKind
from sandbox.aap.filters import Field, Model, Type
from sandbox.aap.gate import CONTROLLER, FAULT, USER
from sandbox.aap.launches import Accepted, accept, read_body
from sandbox.aap.lists import kinds_asked_for, listed
from sandbox.aap.model import LAUNCHABLE, Job, Template, TemplateKind
from sandbox.aap.rows import job_url, launched
from sandbox.aap.templates import launch_requirements, template_row

_FIELDS = {
    "id": Field(Type.INTEGER, attrgetter("id")),
    "name": Field(Type.TEXT, attrgetter("name")),
    "organization__name": Field(Type.TEXT, attrgetter("organization")),
    "allow_simultaneous": Field(Type.FLAG, attrgetter("allow_simultaneous")),
    "ask_variables_on_launch": Field(Type.FLAG, attrgetter("ask_variables_on_launch")),
}
_NAMES = {
    (TemplateKind.JOB_TEMPLATE,): "JobTemplate",
    (TemplateKind.WORKFLOW_JOB_TEMPLATE,): "WorkflowJobTemplate",
    LAUNCHABLE: "UnifiedJobTemplate",
}


class TemplateViews:
    """The views on templates of *kinds*. A template of another kind does not exist here."""

    def __init__(self, *kinds: TemplateKind) -> None:
        self._kinds = kinds

    async def list(self, request: web.Request) -> web.Response:
        catalog = request.app[CONTROLLER].catalog
        organization = Field(Type.INTEGER, catalog.organization_id)
        model = Model(_NAMES[self._kinds], _FIELDS | {"organization": organization})
        rows = catalog.of_kinds(*kinds_asked_for(request, self._kinds))

        def encode(template: Template) -> bytes:
            return msgspec.json.encode(template_row(template, catalog))

        return listed(request, lambda _: rows, model, encode)

    async def detail(self, request: web.Request) -> web.Response:
        return encoded(template_row(self._find(request), request.app[CONTROLLER].catalog))

    async def requirements(self, request: web.Request) -> web.Response:
        return encoded(launch_requirements(self._find(request), request.app[CONTROLLER].catalog))

    async def launch(self, request: web.Request) -> web.Response:
        controller, user, template = request.app[CONTROLLER], request[USER], self._find(request)
        if not (template.launchable or user.superuser):
            raise forbidden() if request.match_info["id"].isdecimal() else not_found()
        body = await request.read()
        if body and request.content_type not in ("application/json", "application/octet-stream"):
            raise unsupported_media_type(request.content_type)
        accepted = accept(template, user, read_body(body))
        job = _launch(controller, accepted, request)
        if job is None:
            return web.Response(status=504)
        return json_response(
            launched(job, controller.now, accepted.ignored_fields),
            status=201,
            headers={"Location": job_url(job)},
        )

    def _find(self, request: web.Request) -> Template:
        catalog = request.app[CONTROLLER].catalog
        for kind in self._kinds:
            if (template := catalog.at_url(kind, request.match_info["id"])) is not None:
                return template
        raise not_found()


def _launch(controller: Controller, accepted: Accepted, request: web.Request) -> Job | None:
    """The job, unless a fault lets it wait in a queue."""
    fault, order = request.get(FAULT), accepted.order
    if fault is not None and fault.kind is FaultKind.LAUNCH_LATE:
        controller.agenda.after(fault.seconds, controller.now, partial(controller.launch, order))
        return None
    late = fault.seconds if fault is not None and fault.kind is FaultKind.COMMIT_LATE else 0
    return controller.launch(order, controller.now, seen_after=late)
