"""One webhook to EDA, and what its outcome means.

::

    any 2xx                                                             received
    nothing was sent (no connection, no TLS, no free connection), 429   Unreachable
    no whole answer in time, a broken connection, 5xx, 408              Unanswered
    any other 4xx, a redirect                                           Refused

A webhook that was received may still be lost in EDA's memory; only its playbook's answer tells.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Protocol

import httpx
import msgspec

from cloudkit.contracts.errors import Refused, TooLarge, Unanswered, Unauthorized, Unreachable
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.http_said import redirect_target
from cloudkit.runtime.settings import Secret
from eda_dispatcher import metrics

SIGNATURE = "x-hub-signature-256"
"""As ``ansible.eda.webhook`` expects it, and the event streams of AAP: the HMAC of the body."""
NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
REFUSALS: dict[int, type[Refused]] = {401: Unauthorized}


class Webhooks(Protocol):
    """The port to EDA."""

    async def send(self, type: JobType, resource: Mapping[str, Any]) -> None:
        """Send *resource* to the webhook for *type*.

        Raises `Unreachable` (nothing was sent), `Unanswered` (it may have been received) or `Refused`,
        all of them with the system "EDA".
        """
        ...


class HttpWebhooks:
    """The real `Webhooks`. No webhook takes longer than *within* seconds in all."""

    def __init__(
        self, client: httpx.AsyncClient, urls: Mapping[JobType, str], *, within: float, signed_with: Secret
    ) -> None:
        self._client = client
        self._urls = urls
        self._within = within
        self._secret = signed_with

    async def send(self, type: JobType, resource: Mapping[str, Any]) -> None:
        body = msgspec.json.encode(resource)
        headers = {"Content-Type": "application/json", **self._signature(body)}
        request = self._client.build_request("POST", self._urls[type], content=body, headers=headers)
        with metrics.WEBHOOK_SECONDS.labels(type).time():
            _check(await self._answer(request), type)

    def _signature(self, body: bytes) -> dict[str, str]:
        if not self._secret:
            return {}
        digest = hmac.new(self._secret.reveal().encode(), body, hashlib.sha256).hexdigest()
        return {SIGNATURE: f"sha256={digest}"}

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        try:
            # The client's own timeouts begin anew with every byte that trickles in.
            async with asyncio.timeout(self._within):
                return await self._client.send(request)
        except NOTHING_SENT as error:
            raise Unreachable(f"EDA cannot be reached: {_text(error)}", system="EDA") from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unanswered(f"EDA did not answer: {_text(error)}", system="EDA") from error


def _check(response: httpx.Response, type: JobType) -> None:
    """Raise what the status of *response* means, unless it is a success."""
    status, phrase = response.status_code, response.reason_phrase
    if response.is_success:
        return
    if status == 429:
        raise Unreachable("EDA asks for a pause (429 Too Many Requests)", system="EDA")
    if status >= 500 or status == 408:
        raise Unanswered(f"EDA answered the {type} webhook with {status} {phrase}", system="EDA")
    if status < 400:
        where = redirect_target(response.headers.get("Location", ""))
        text = f"EDA sent the {type} webhook elsewhere ({status} to {where}): is its URL right?"
        raise Refused(text, system="EDA", status=status, reason="Redirected")
    text = f"EDA refused the {type} webhook: {status} {phrase}"
    if status == 413:
        raise TooLarge(text, size=len(response.request.content), system="EDA", status=status)
    raise REFUSALS.get(status, Refused)(text, system="EDA", status=status)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
