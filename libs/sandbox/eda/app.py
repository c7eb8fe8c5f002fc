"""The whole of it as an HTTP application: ``/sandbox/`` is the control API, all else takes webhooks."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from aiohttp import web

from sandbox.aap.answers import encoded
from sandbox.eda.aap import Aap
from sandbox.eda.cluster import Cluster
from sandbox.eda.faults import Fault, Faults
from sandbox.eda.playbooks import Playbook, Playbooks
from sandbox.eda.receiver import Receiver
from sandbox.eda.rulebook import Rulebook
from sandbox.eda.settings import Settings

T = TypeVar("T")

MAX_BODY = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What EDA reaches the world through. *position*: how far AAP's audit was followed before; *keep*
    gets every further one."""

    aap: Aap
    cluster: Cluster
    position: int = 0
    keep: Callable[[int], None] = lambda _: None


def create_app(settings: Settings, around: Surroundings) -> web.Application:
    """An EDA of its own, whose playbooks run while it serves."""
    faults, rulebook = Faults(), Rulebook(around.aap)
    receiver = Receiver(settings, faults, rulebook.hear)
    playbooks = Playbooks(around.aap, around.cluster, position=around.position, keep=around.keep)
    controls = Controls(faults, receiver, playbooks)

    async def live(_: web.Application) -> AsyncIterator[None]:
        playing = asyncio.create_task(playbooks.play())
        yield
        playing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await playing
        await rulebook.close()

    app = web.Application(client_max_size=MAX_BODY)
    app.cleanup_ctx.append(live)
    app.router.add_get("/sandbox/webhooks", controls.show_webhooks)
    app.router.add_post("/sandbox/faults", controls.add_faults)
    app.router.add_post("/sandbox/playbooks", controls.add_playbooks)
    app.router.add_post("/sandbox/reset", controls.reset)
    app.router.add_route("*", "/{path:.*}", receiver.receive)
    return app


@dataclass(frozen=True)
class Controls:
    """The views of the control API: what goes wrong, and what came in."""

    faults: Faults
    receiver: Receiver
    playbooks: Playbooks

    async def show_webhooks(self, _: web.Request) -> web.Response:
        return encoded(self.receiver.audit)

    async def add_faults(self, request: web.Request) -> web.Response:
        try:
            self.faults.add(await _read(request, list[Fault]))
        except re.error as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return web.Response(status=204)

    async def add_playbooks(self, request: web.Request) -> web.Response:
        """The newest are asked first."""
        self.playbooks.special = (*await _read(request, list[Playbook]), *self.playbooks.special)
        return web.Response(status=204)

    async def reset(self, _: web.Request) -> web.Response:
        """No faults any more, and no special playbooks."""
        self.faults.clear()
        self.playbooks.special = ()
        return web.Response(status=204)


async def _read(request: web.Request, type: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.read(), type=type)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=str(error)) from error
