"""Requests as they go to AAP in earnest: no more often than AAP likes, and only while it is there.

::

    send ─► admitted? ─► its turn ─► still admitted? ─► sent ─► what became of it tells of AAP
              └── no: HeldBack (nothing was sent), at once

What a list is `Broken` by tells of AAP only once somebody says so: one row may be the cause.
"""

import httpx

from aap_poller.exchange import Exchange, Parameters
from aap_poller.http_errors import Broken
from aap_poller.limiter import Limiter
from aap_poller.presence import Presence
from cloudkit.contracts.errors import Refused, Unanswered, Unreachable


class GatedExchange(Exchange):
    """An `Exchange` whose requests wait for their turn, and are held back while AAP is away."""

    def __init__(
        self, client: httpx.AsyncClient, *, within: float, presence: Presence, limiter: Limiter
    ) -> None:
        super().__init__(client, within=within)
        self._presence = presence
        self._limiter = limiter

    async def send(
        self, method: str, path: str, *, params: Parameters | None = None, content: bytes | None = None
    ) -> httpx.Response:
        try:
            response = await self._send_in_turn(method, path, params, content)
        except (Refused, Unreachable, Unanswered) as problem:
            self._presence.away(problem)
            raise
        self._presence.answered()
        return response

    async def ask(self, path: str, params: Parameters | None = None) -> httpx.Response:
        try:
            response = await self._send_in_turn("GET", path, params, None)
        except Broken:
            raise
        except (Refused, Unreachable, Unanswered) as problem:
            self._presence.away(problem)
            raise
        self._presence.answered()
        return response

    def blame(self, problem: Broken) -> None:
        self._presence.away(problem)

    async def _send_in_turn(
        self, method: str, path: str, params: Parameters | None, content: bytes | None
    ) -> httpx.Response:
        self._presence.admit()
        await self._limiter.turn()
        self._presence.admit()  # AAP may have gone meanwhile.
        return await super().send(method, path, params=params, content=content)
