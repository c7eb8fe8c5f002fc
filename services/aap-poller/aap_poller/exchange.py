"""One request to AAP, and what its outcome means.

::

    nothing was sent: no connection, no TLS, no free connection         Unreachable
    no whole answer in time, a broken connection, what is not JSON      Unanswered
    an answer that is no success                                        see `aap_poller.http_errors`
"""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

import httpx
import msgspec

from aap_poller import metrics
from aap_poller.http_errors import Broken, error_of
from cloudkit.contracts.errors import Unanswered, Unreachable

T = TypeVar("T")
Parameters = Mapping[str, str | int]

NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
ID = re.compile(r"/\d+(?=/)")


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
        route = f"{method} {ID.sub('/{id}', path).rstrip('/')}"
        headers = {"Content-Type": "application/json"} if content else None
        request = self._client.build_request(method, path, params=params, content=content, headers=headers)
        with metrics.AAP_SECONDS.labels(route).time():
            response = await self._answer(request, route)
        metrics.AAP_REQUESTS.labels(route, str(response.status_code)).inc()
        problem = error_of(response, route, datetime.now(UTC))
        if problem is not None:
            raise problem
        return response

    async def ask(self, path: str, params: Parameters | None = None) -> httpx.Response:
        """The answer to GET *path*, as `send` has it. What is `Broken` says nothing of AAP yet: whoever asks
        finds out whether it is AAP or a row, and says so with `blame`."""
        return await self.send("GET", path, params=params)

    def blame(self, problem: Broken) -> None:
        """*problem*, which `ask` has raised, is AAP's."""

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


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
