"""One request to AAP, and what its outcome means.

::

    nothing was sent (no connection, no TLS, no free connection), 429     Unreachable
    no whole answer in time, a broken connection, 408, 5xx, not JSON      Unanswered
    any other 4xx, a redirect                                             Refused
"""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

import httpx
import msgspec

from aap_poller import metrics
from cloudkit.contracts.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Refused,
    Unanswered,
    Unauthorized,
    Unreachable,
)

T = TypeVar("T")
Parameters = Mapping[str, str | int]

NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
NO_TRUE_ANSWER = frozenset({408})
"""A proxy says so of a request that it may have passed on; the same goes for every 5xx."""
REFUSALS: dict[int, type[Refused]] = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict}
MAX_WORDS = 500


class Exchange:
    """Sends requests with *client*, none of which takes longer than *within* seconds in all."""

    def __init__(self, client: httpx.AsyncClient, *, within: float) -> None:
        self._client = client
        self._within = within

    async def get(self, path: str, type: type[T], parameters: Parameters | None = None) -> T:
        """The answer to GET *path* as *type*. Raises `Unreachable`, `Unanswered` or a `Refused`."""
        return read(await self.send("GET", path, params=parameters), type)

    async def send(
        self, method: str, path: str, *, params: Parameters | None = None, content: bytes | None = None
    ) -> httpx.Response:
        """Send a request; its answer is a success. Raises `Unreachable`, `Unanswered` or a `Refused`."""
        route = f"{method} {path.split('/', maxsplit=1)[0]}"
        headers = {"Content-Type": "application/json"} if content else None
        request = self._client.build_request(method, path, params=params, content=content, headers=headers)
        with metrics.AAP_SECONDS.labels(route).time():
            response = await self._answer(request, route)
        metrics.AAP_REQUESTS.labels(route, str(response.status_code)).inc()
        _refuse(response, route)
        return response

    async def _answer(self, request: httpx.Request, route: str) -> httpx.Response:
        try:
            # The client's own timeouts begin anew with every byte that trickles in.
            async with asyncio.timeout(self._within):
                return await self._client.send(request)
        except NOTHING_SENT as error:
            metrics.AAP_REQUESTS.labels(route, "unreachable").inc()
            raise Unreachable(f"AAP cannot be reached: {_text(error)}", system="AAP") from error
        except (httpx.HTTPError, TimeoutError) as error:
            metrics.AAP_REQUESTS.labels(route, "unanswered").inc()
            raise Unanswered(f"AAP did not answer {route}: {_text(error)}", system="AAP") from error


def read(response: httpx.Response, type: type[T]) -> T:
    """The body of *response*. A success that cannot be read is as good as no answer."""
    try:
        return msgspec.json.decode(response.content, type=type)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unanswered(f"AAP's answer cannot be read: {error}", system="AAP") from error


def _refuse(response: httpx.Response, route: str) -> None:
    """Raise what the status of *response* means, unless it is a success."""
    status = response.status_code
    if response.is_success:
        return
    if status == 429:
        raise Unreachable("AAP asks for a pause (429 Too Many Requests)", system="AAP")
    if status >= 500 or status in NO_TRUE_ANSWER:
        raise Unanswered(f"AAP answered {route} with {status} {response.reason_phrase}", system="AAP")
    if status < 400:
        where = response.headers.get("Location", "nowhere")
        text = f"AAP sent {route} elsewhere ({status} to {where}): is CLOUDKIT_AAP_URL right?"
        raise Refused(text, system="AAP", status=status, reason="Redirected")
    text = f"AAP refused {route}: {status} {response.reason_phrase}{_words(response)}"
    raise REFUSALS.get(status, Refused)(text, system="AAP", status=status)


def _words(response: httpx.Response) -> str:
    """What AAP itself said, which is JSON; the page of a proxy says nothing that helps."""
    try:
        said = msgspec.json.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    detail = said.get("detail") if isinstance(said, dict) else None
    return f": {detail or msgspec.json.encode(said).decode()}"[:MAX_WORDS] if said else ""


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
