"""What every request meets before and after its view: counting, faults, tokens, scopes, refusals."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import hdrs, web

from sandbox.aap.accounts import Accounts, Tally
from sandbox.aap.answers import (
    Answer,
    forbidden,
    method_not_allowed,
    not_found,
    page,
    too_large,
)
from sandbox.aap.controller import Controller
from sandbox.aap.faults import Fault, FaultKind, Faults
from sandbox.aap.model import User

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

API = "/api/"
WEB_PAGE = page("Ansible Automation Platform")
"""What every path shows outside of the API: the page by which people use it."""
PREFIXES = ("/api/controller/v2", "/api/v2")
CONTROLLER = web.AppKey("controller", Controller)
FAULTS = web.AppKey("faults", Faults)
ACCOUNTS = web.AppKey("accounts", Accounts)
TALLY = web.AppKey("tally", Tally)
USER = web.RequestKey("user", User)
FAULT = web.RequestKey("fault", Fault)
LATE = frozenset({FaultKind.DROP_AFTER, FaultKind.COMMIT_LATE, FaultKind.LAUNCH_LATE})
"""Faults that let the request be handled, and lose the answer."""


@web.middleware
async def meet(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Bring the controller to the present, then let *handler* see the request, unless a fault,
    a missing token or the token's scope forbids."""
    request.app[CONTROLLER].advance()
    if request.path.startswith("/sandbox/"):
        return await _answered(request, handler)
    if not request.path.endswith("/"):
        query = f"?{request.query_string}" if request.query_string else ""
        return web.Response(status=301, headers={hdrs.LOCATION: f"{request.path}/{query}"})
    _count(request)
    faults = request.app[FAULTS]
    fault = faults.strike(request.method, _path(request))
    await _pass_time(request, faults.latency + (fault.latency if fault is not None else 0.0))
    if fault is None:
        return await _answered(request, _authenticated(handler))
    return await _meet_fault(request, _authenticated(handler), fault)


async def _meet_fault(request: web.Request, handler: Handler, fault: Fault) -> web.StreamResponse:
    if fault.kind is FaultKind.DROP:
        return _dropped(request)
    if fault.kind is FaultKind.LOGIN:
        return web.Response(status=302, headers={hdrs.LOCATION: "/migrations_notran/"})
    if fault.kind is FaultKind.ANSWER:
        return _instead(fault)
    request[FAULT] = fault
    response = await _answered(request, handler)
    return _dropped(request) if fault.kind in LATE else response


async def _pass_time(request: web.Request, seconds: float) -> None:
    """Keep *request* for so long, as behind AAP's proxy: a client that leaves cannot take it back."""
    if seconds and request.content_length is not None and request.content_length > request.client_max_size:
        return  # It is refused unread.
    if seconds:
        await request.read()
        controller = request.app[CONTROLLER]
        await controller.clock.sleep(seconds)
        controller.advance()


def _instead(fault: Fault) -> web.Response:
    headers = {hdrs.RETRY_AFTER: fault.retry_after} if fault.retry_after else {}
    html = fault.body.lstrip().startswith("<")
    return web.Response(
        status=fault.status,
        text=fault.body,
        headers=headers,
        content_type="text/html" if html else "application/json",
    )


def _dropped(request: web.Request) -> web.Response:
    """Break the connection; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Answer as answer:
        return answer.response()
    except web.HTTPMethodNotAllowed:
        return method_not_allowed(request.method).response()
    except web.HTTPRequestEntityTooLarge:
        return too_large().response()
    except web.HTTPNotFound:
        if not request.path.startswith(API):
            return Answer(200, WEB_PAGE).response()
        return not_found("The requested resource could not be found.").response()


def _authenticated(handler: Handler) -> Handler:
    async def authenticate(request: web.Request) -> web.StreamResponse:
        if _path(request) == "/ping/" or isinstance(request.match_info.http_exception, web.HTTPNotFound):
            return await handler(request)
        user = request.app[ACCOUNTS].user_of(request.headers)
        if request.method not in ("GET", "HEAD", "OPTIONS") and user.scope == "read":
            raise forbidden()
        request[USER] = user
        return await handler(request)

    return authenticate


def _path(request: web.Request) -> str:
    """The path below the base, as fault patterns see it."""
    for base in PREFIXES:
        if request.path.startswith(base):
            return request.path[len(base) :]
    return request.path


def _count(request: web.Request) -> None:
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unknown"
    for base in PREFIXES:
        route = route.removeprefix(base)
    request.app[TALLY].count(request.method, route)
