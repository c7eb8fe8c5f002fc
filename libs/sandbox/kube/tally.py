"""How many requests the stand-in has answered, counted by the stand-in itself: the truth for benchmarks.

``GET /emulator/requests`` tells, and ``DELETE`` forgets::

    {"cloudkit-provisioner PATCH computeinstances/status 200": 1874, ...}

Who asked is the first word of their User-Agent. It needs no token: these are numbers, on loopback.
"""

from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web

PATH = "/emulator/requests"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Tally:
    """Hands every request on to *handler*, and counts how it was answered; a watch, when it ends."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._counts: Counter[str] = Counter()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == PATH:
            return self._tell(request)
        answer = await self._handler(request)
        agent = request.headers.get("User-Agent", "unknown").split("/")[0]
        self._counts[f"{agent} {request.method} {resource_of(request.path)} {answer.status}"] += 1
        return answer

    def _tell(self, request: web.BaseRequest) -> web.Response:
        if request.method == "DELETE":
            self._counts.clear()
        return web.json_response(self._counts)


def resource_of(path: str) -> str:
    """The resource that *path* is about, with its subresource and without names: ``pods/status``."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in ("status", "finalize"):
        rest = rest[2:]
    return "/".join((*rest[:1], *rest[2:3])) or path
