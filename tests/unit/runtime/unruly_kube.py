"""An API server that misbehaves as told: each list and each watch is answered by the next script."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

Script = Callable[[web.Request], Awaitable[web.StreamResponse]]


def resource(name: str, version: int, **spec: Any) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "tenant",
        "uid": f"uid-of-{name}",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "resourceVersion": str(version),
    }
    return {"metadata": metadata, "spec": spec}


def page(*items: Any, version: int, more: str = "") -> Script:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(
            {"metadata": {"resourceVersion": str(version), "continue": more}, "items": items}
        )

    return answer


def refused(status: int, message: str = "no") -> Script:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "message": message, "code": status}, status=status)

    return answer


def html(status: int) -> Script:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text="<h1>proxy</h1>", content_type="text/html")

    return answer


def event(type: str, object: Any) -> bytes:
    return json.dumps({"type": type, "object": object}).encode() + b"\n"


def bookmark(version: int) -> bytes:
    return event("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


def stream(*chunks: bytes, then: str = "end") -> Script:
    """Send *chunks*, then end the answer, drop the connection, or stay silent."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        if then == "drop":
            assert request.transport is not None
            request.transport.abort()
        if then == "silence":
            await asyncio.Event().wait()
        return response

    return answer


@dataclass
class UnrulyKube:
    """The last script of each kind is repeated."""

    lists: list[Script] = field(default_factory=lambda: [page(version=1)])
    watches: list[Script] = field(default_factory=lambda: [stream(then="silence")])
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        watching = request.query.get("watch") == "true"
        self.asked.append((request.path, dict(request.query)))
        scripts = self.watches if watching else self.lists
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        return await script(request)

    @property
    def watched_from(self) -> list[str]:
        """The version that each watch was asked to begin at."""
        return [query["resourceVersion"] for _, query in self.asked if "watch" in query]

    @property
    def listed(self) -> int:
        """How many pages were asked for."""
        return sum("watch" not in query for _, query in self.asked)


@asynccontextmanager
async def serving(kube: UnrulyKube) -> AsyncIterator[UnrulyKube]:
    # Handlers end with their clients, so that none outlives its test.
    server = web.Server(kube.answer, handler_cancellation=True)  # type: ignore[arg-type]  # it only asks for a part of Request
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", kube.port)
    await site.start()
    kube.port = runner.addresses[0][1]
    try:
        yield kube
    finally:
        await runner.cleanup()


def write_kubeconfig(path: Path, server: str, **user: str) -> Path:
    path.write_text(
        json.dumps(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                "clusters": [{"name": "k", "cluster": {"server": server}}],
                "users": [{"name": "u", "user": user}],
            }
        )
    )
    return path
