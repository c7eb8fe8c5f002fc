"""Takes webhooks in, as the source ``ansible.eda.webhook`` does, and as an event stream of AAP does.

::

                          webhook                    event stream
    taken                 200, the endpoint as text  200, empty
    no JSON               400                        400
    no token              401                        400
    no signature          400                        400
    wrong token           401                        403
    wrong signature       401                        403
    another method        405                        405
    unknown path          taken, no rule matches     400 (no such stream)
"""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import hdrs, web

from sandbox.aap.subjects import Purpose
from sandbox.eda.audit import Webhook, read_resource, webhook
from sandbox.eda.events import Event
from sandbox.eda.faults import Faults
from sandbox.eda.settings import ENDPOINTS, STREAM_PREFIX, STREAMS, Settings

SIGNATURE = "x-hub-signature-256"


class Refusal(Exception):
    """Raised to answer a webhook with *status* and *text*, and to forget it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Receiver:
    """*hear* gets each event that was taken, and in how many seconds to act on it."""

    def __init__(self, settings: Settings, faults: Faults, hear: Callable[[Event, float], None]) -> None:
        self.audit: list[Webhook] = []
        self._settings = settings
        self._faults = faults
        self._hear = hear

    async def receive(self, request: web.Request) -> web.Response:
        """Any request to any path."""
        body = await request.read()
        payload, answer = self._judge(request, body)
        event = Event(
            at=datetime.now(UTC),
            path=request.path,
            purpose=(ENDPOINTS | STREAMS).get(request.path, Purpose.OTHER),
            headers={name: value for name, value in request.headers.items() if name != hdrs.AUTHORIZATION},
            payload=payload,
        )
        fault = self._faults.strike(request.path, read_resource(payload).name)
        heard = fault.heard and answer.status == 200
        status = 0 if fault.drop else fault.status or answer.status
        self.audit.append(webhook(event, status=status, heard=heard))
        if heard:
            self._hear(event, fault.starts_after)
        await asyncio.sleep(fault.latency)
        if fault.drop and request.transport is not None:
            request.transport.abort()
        if not fault.status:
            return answer
        return web.Response(status=status, headers={hdrs.LOCATION: fault.location} if fault.location else {})

    def _judge(self, request: web.Request, body: bytes) -> tuple[Any, web.Response]:
        """What is in *body*, None if it is refused; and the answer."""
        try:
            self._check(request, body)
            payload = _read(body)
        except Refusal as refusal:
            return None, web.Response(status=refusal.status, text=refusal.text)
        stream = request.path.startswith(STREAM_PREFIX)
        return payload, web.Response(text="" if stream else request.path.removeprefix("/"))

    def _check(self, request: web.Request, body: bytes) -> None:
        """Raises `Refusal`."""
        stream = request.path.startswith(STREAM_PREFIX)
        if request.method != hdrs.METH_POST:
            raise Refusal(405, "405: Method Not Allowed")
        if stream and request.path not in STREAMS:
            raise Refusal(400, "no such event stream")
        if self._settings.token:
            given, wanted = request.headers.get(hdrs.AUTHORIZATION), f"Bearer {self._settings.token}"
            _compare(given, wanted, missing=400 if stream else 401, wrong=403 if stream else 401)
        if self._settings.hmac_secret:
            digest = hmac.new(self._settings.hmac_secret.encode(), body, hashlib.sha256).hexdigest()
            signed = request.headers.get(SIGNATURE)
            signed = signed and signed.removeprefix("sha256=")
            _compare(signed, digest, missing=400, wrong=403 if stream else 401)


def _compare(given: str | None, wanted: str, *, missing: int, wrong: int) -> None:
    """Raises `Refusal`."""
    if not given:
        raise Refusal(missing, "a header is missing")
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Refusal(wrong, "Unauthorized")


def _read(body: bytes) -> Any:  # noqa: ANN401  # whatever JSON came in
    """Raises `Refusal`."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refusal(400, "Invalid JSON payload") from None
