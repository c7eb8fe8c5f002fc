"""The control API under ``/sandbox/``: what goes wrong, what people do, and what happened."""

import re
from typing import TypeVar

import msgspec
from aiohttp import web

from sandbox.aap.answers import bad_request, encoded, not_found
from sandbox.aap.audit import AuditEntry, violations
from sandbox.aap.faults import Fault
from sandbox.aap.gate import ACCOUNTS, CONTROLLER, FAULTS, TALLY, Handler
from sandbox.aap.model import Status, Template, User
from sandbox.aap.playbooks import Rule

T = TypeVar("T")


class JobOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What to do to a job by hand; the first of these that is given. ``cancel_by`` names a person."""

    status: Status | None = None
    explanation: str = ""
    cancel_by: str = ""
    proceed: bool = False
    purge: bool = False
    approved: bool | None = None
    marks: "JobMarks | None" = None


class JobMarks(msgspec.Struct, frozen=True, kw_only=True):
    """What is odd about a job: whether others than superusers may cancel it (None: as its template says),
    and whether it kills whatever lists it."""

    cancelable: bool | None = None
    breaks_lists: bool = False


class TemplateOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Templates to add, or to change where the id is known; and ids to remove."""

    put: tuple[Template, ...] = ()
    remove: tuple[int, ...] = ()


class TokenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens to add, with their users, to revoke, and to replace by others."""

    add: dict[str, User] = {}
    revoke: tuple[str, ...] = ()
    rotate: dict[str, str] = {}


class PlaybookOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Rules to ask first, after forgetting all but the default ones if ``reset``."""

    rules: tuple[Rule, ...] = ()
    reset: bool = False


class RestoreOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The id that the next job gets; None for the first that there ever was."""

    next_id: int | None = None


async def add_faults(request: web.Request) -> web.Response:
    faults = await _read(request, list[Fault])
    try:
        request.app[FAULTS].add(faults)
    except re.error as error:
        raise bad_request(str(error)) from error
    return web.Response(status=204)


async def clear_faults(request: web.Request) -> web.Response:
    request.app[FAULTS].clear()
    return web.Response(status=204)


async def change_latency(request: web.Request) -> web.Response:
    request.app[FAULTS].latency = await _read(request, float)
    return web.Response(status=204)


async def show_audit(request: web.Request) -> web.Response:
    """Entries after the one with sequence ``?after=``."""
    return encoded(_entries(request))


async def show_violations(request: web.Request) -> web.Response:
    return encoded(violations(request.app[CONTROLLER].audit.after(0)))


def _entries(request: web.Request) -> list[AuditEntry]:
    after = request.query.get("after", "0")
    if not after.isdecimal():
        raise bad_request("after must be an integer")
    return request.app[CONTROLLER].audit.after(int(after))


async def show_machines(request: web.Request) -> web.Response:
    return encoded(list(request.app[CONTROLLER].machines))


async def show_requests(request: web.Request) -> web.Response:
    return encoded(request.app[TALLY].counts())


async def forget_requests(request: web.Request) -> web.Response:
    request.app[TALLY].clear()
    return web.Response(status=204)


async def change_playbooks(request: web.Request) -> web.Response:
    order = await _read(request, PlaybookOrder)
    controller = request.app[CONTROLLER]
    if order.reset:
        controller.reset_rules()
    controller.add_rules(order.rules)
    return web.Response(status=204)


async def change_job(request: web.Request) -> web.Response:
    order = await _read(request, JobOrder)
    controller = request.app[CONTROLLER]
    if (job := controller.jobs.get(int(request.match_info["id"]))) is None:
        raise not_found()
    if order.status is not None:
        controller.force(job, order.status, controller.now, explanation=order.explanation)
    elif order.cancel_by and job.active:
        controller.cancel(job, controller.now, by=order.cancel_by)
    elif order.proceed:
        controller.proceed(job, controller.now)
    elif order.purge:
        controller.purge(job, controller.now, by="hand")
    elif order.approved is not None and job.active:
        controller.decide(job, controller.now, approved=order.approved, by="hand")
    elif order.marks is not None:
        controller.mark(job, cancelable=order.marks.cancelable, breaks_lists=order.marks.breaks_lists)
    return web.Response(status=204)


async def change_templates(request: web.Request) -> web.Response:
    order = await _read(request, TemplateOrder)
    controller = request.app[CONTROLLER]
    for id in order.remove:
        controller.remove_template(id)
    return encoded([controller.put_template(template) for template in order.put])


async def show_templates(request: web.Request) -> web.Response:
    return encoded(list(request.app[CONTROLLER].catalog))


async def change_tokens(request: web.Request) -> web.Response:
    order = await _read(request, TokenOrder)
    accounts = request.app[ACCOUNTS]
    accounts.add(order.add)
    for token in order.revoke:
        accounts.revoke(token)
    for old, new in order.rotate.items():
        accounts.rotate(old, new)
    return web.Response(status=204)


async def restore(request: web.Request) -> web.Response:
    order = await _read(request, RestoreOrder)
    controller = request.app[CONTROLLER]
    controller.restore(order.next_id or controller.settings.first_id)
    return web.Response(status=204)


async def _read(request: web.Request, type: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=type)
    except msgspec.DecodeError as error:
        raise bad_request(str(error)) from error


def control_routes() -> list[tuple[str, str, Handler]]:
    """Method, path and view of the whole control API."""
    return [
        ("POST", "/sandbox/faults", add_faults),
        ("DELETE", "/sandbox/faults", clear_faults),
        ("POST", "/sandbox/latency", change_latency),
        ("GET", "/sandbox/audit", show_audit),
        ("GET", "/sandbox/violations", show_violations),
        ("GET", "/sandbox/machines", show_machines),
        ("GET", "/sandbox/requests", show_requests),
        ("DELETE", "/sandbox/requests", forget_requests),
        ("POST", "/sandbox/playbooks", change_playbooks),
        ("POST", r"/sandbox/jobs/{id:\d+}", change_job),
        ("GET", "/sandbox/templates", show_templates),
        ("POST", "/sandbox/templates", change_templates),
        ("POST", "/sandbox/tokens", change_tokens),
        ("POST", "/sandbox/restore", restore),
    ]
