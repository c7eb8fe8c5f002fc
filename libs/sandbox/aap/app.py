"""The controller as an HTTP application: which view answers which path."""

from collections.abc import Iterator
from typing import TypeAlias

from aiohttp import web

from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.ports import Clock
from sandbox.aap.accounts import Accounts, Tally
from sandbox.aap.answers import encoded
from sandbox.aap.control_views import control_routes
from sandbox.aap.controller import Controller
from sandbox.aap.faults import Faults
from sandbox.aap.gate import ACCOUNTS, CONTROLLER, FAULTS, PREFIXES, TALLY, USER, Handler, meet
from sandbox.aap.job_views import JobViews
from sandbox.aap.journal import Journal
from sandbox.aap.model import LAUNCHABLE, JobKind, TemplateKind, User
from sandbox.aap.replay import resume
from sandbox.aap.rows import user_link
from sandbox.aap.settings import Settings
from sandbox.aap.template_views import TemplateViews

VERSION = "4.6.2"
INSTALLATION = "00000000-0000-4000-8000-000000000000"

Route: TypeAlias = tuple[str, str, Handler]


def create_app(
    settings: Settings | None = None, *, clock: Clock | None = None, journal: Journal | None = None
) -> web.Application:
    """A controller of its own, with the default templates and one token (`Settings.token`).

    It goes on from what *journal* holds.
    """
    settings = settings or Settings()
    app = web.Application(middlewares=[meet], client_max_size=settings.max_body)
    app[CONTROLLER] = Controller(settings, clock or SystemClock())
    if journal is not None:
        resume(app[CONTROLLER], journal)
    app[FAULTS] = Faults(latency=settings.answer_seconds)
    app[ACCOUNTS] = Accounts({settings.token: User(superuser=settings.superuser)})
    app[TALLY] = Tally()
    for method, path, view in _routes():
        for base in PREFIXES:
            app.router.add_route(method, base + path, view)
    for method, path, view in control_routes():
        app.router.add_route(method, path, view)
    return app


def _routes() -> Iterator[Route]:
    yield from (("GET", "/ping/", ping), ("GET", "/me/", me), ("GET", "/config/", config))
    job_templates = TemplateViews(TemplateKind.JOB_TEMPLATE)
    workflow_templates = TemplateViews(TemplateKind.WORKFLOW_JOB_TEMPLATE)
    jobs, workflow_jobs = JobViews(JobKind.JOB), JobViews(JobKind.WORKFLOW_JOB)
    yield from _template_routes("/job_templates/", job_templates)
    yield from _template_routes("/workflow_job_templates/", workflow_templates)
    yield "GET", "/unified_job_templates/", TemplateViews(*LAUNCHABLE).list
    yield from _job_routes("/jobs/", jobs)
    yield from _job_routes("/workflow_jobs/", workflow_jobs)
    yield "GET", "/unified_jobs/", JobViews(*JobKind).list
    yield "GET", r"/jobs/{id:\d+}/job_events/", jobs.events
    yield "GET", r"/workflow_jobs/{id:\d+}/workflow_nodes/", workflow_jobs.nodes
    yield from _approval_routes("/workflow_approvals/", JobViews(JobKind.WORKFLOW_APPROVAL))


def _template_routes(collection: str, views: TemplateViews) -> Iterator[Route]:
    yield "GET", collection, views.list
    yield "GET", collection + "{id}/", views.detail
    yield "GET", collection + "{id}/launch/", views.requirements
    yield "POST", collection + "{id}/launch/", views.launch


def _job_routes(collection: str, views: JobViews) -> Iterator[Route]:
    yield "GET", collection, views.list
    yield "GET", collection + r"{id:\d+}/", views.detail
    yield "DELETE", collection + r"{id:\d+}/", views.delete
    yield "GET", collection + r"{id:\d+}/cancel/", views.can_cancel
    yield "POST", collection + r"{id:\d+}/cancel/", views.cancel


def _approval_routes(collection: str, views: JobViews) -> Iterator[Route]:
    yield "GET", collection, views.list
    yield "GET", collection + r"{id:\d+}/", views.detail
    yield "POST", collection + r"{id:\d+}/approve/", views.approve
    yield "POST", collection + r"{id:\d+}/deny/", views.deny


async def ping(_: web.Request) -> web.Response:
    return encoded(
        {
            "ha": False,
            "version": VERSION,
            "active_node": "sandbox",
            "install_uuid": INSTALLATION,
            "instances": [{"node": "sandbox", "node_type": "hybrid", "capacity": 1000}],
            "instance_groups": [{"name": "default", "capacity": 1000, "instances": ["sandbox"]}],
        }
    )


async def me(request: web.Request) -> web.Response:
    user = request[USER]
    who = user_link(user) | {"type": "user", "username": user.username, "is_superuser": user.superuser}
    return encoded({"count": 1, "next": None, "previous": None, "results": [who]})


async def config(_: web.Request) -> web.Response:
    return encoded({"version": VERSION, "time_zone": "UTC", "license_info": {}, "eula": ""})
