"""What a process answers over HTTP about itself: ``/livez``, ``/readyz`` and ``/metrics``.

::

    /livez    200  the event loop turns and no background loop died; otherwise 500
    /readyz   200  every part is up; otherwise 503; the body says how each part stands
    /metrics       for Prometheus
"""

import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import structlog
from aiohttp import web
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder

from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.health import Health

log = structlog.get_logger()

UNUSABLE = (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL)


@asynccontextmanager
async def serve_http(
    port: int | None,
    health: Health,
    *,
    alive: Callable[[], bool],
    registry: CollectorRegistry = REGISTRY,
) -> AsyncIterator[int | None]:
    """Answer on *port* (0: one that the system chooses; None: not at all) and say on which.

    Raises `Misconfigured` when the port cannot be had.
    """
    if port is None:
        log.info("HTTP is off")
        yield None
        return
    listener = _listen(port)
    runner = web.AppRunner(make_app(health, alive=alive, registry=registry), access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        chosen: int = listener.getsockname()[1]
        log.info("HTTP is served", port=chosen)
        yield chosen
    finally:
        await runner.cleanup()


def make_app(
    health: Health, *, alive: Callable[[], bool], registry: CollectorRegistry = REGISTRY
) -> web.Application:
    """The three answers; the process is live as long as *alive* says so."""

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok\n") if alive() else web.Response(status=500, text="a loop died\n")

    async def readyz(_: web.Request) -> web.Response:
        status = 200 if health.ready else 503
        body = msgspec.json.encode(health.parts())
        return web.Response(status=status, body=body, content_type="application/json")

    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app


def _listen(port: int) -> socket.socket:
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    try:
        return socket.create_server(("", port), family=family, dualstack_ipv6=dual)
    except OSError as error:
        if error.errno not in UNUSABLE:
            raise
        raise Misconfigured(
            f"CLOUDKIT_HTTP_PORT is {port}, but that port cannot be used: {error.strerror}"
        ) from error
