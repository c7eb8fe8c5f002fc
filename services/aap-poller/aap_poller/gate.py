"""Requests as they go to AAP in earnest: no more often than AAP likes, and only while it is there.

::

    send ─► admitted? ─► its turn ─► still admitted? ─► sent ─► what became of it tells of AAP
              └── no: HeldBack (nothing was sent), at once
"""

import httpx

from aap_poller.exchange import Exchange, Parameters
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
        self._presence.admit()
        await self._limiter.turn()
        self._presence.admit()  # AAP may have gone meanwhile.
        try:
            response = await super().send(method, path, params=params, content=content)
        except (Refused, Unreachable, Unanswered) as problem:
            self._presence.away(problem)
            raise
        self._presence.answered()
        return response
