"""A client for the control API: what tests do to the stand-in, and what they look up in it."""

import httpx
import msgspec

from sandbox.eda.audit import Webhook
from sandbox.eda.faults import Fault
from sandbox.eda.playbooks import Playbook


class Control:
    """*url* is that of the control API: ``http://127.0.0.1:PORT/sandbox``.

    Every call raises `httpx.HTTPError` when the stand-in is away or refuses.
    """

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self._url = url
        self._client = client

    async def add_faults(self, *faults: Fault) -> None:
        """From now on these go wrong, the first one first."""
        await self._send("POST", "/faults", faults)

    async def add_playbooks(self, *playbooks: Playbook) -> None:
        """From now on playbooks behave so, the first that matches first."""
        await self._send("POST", "/playbooks", playbooks)

    async def reset(self) -> None:
        """End all faults, and let all playbooks behave well."""
        await self._send("POST", "/reset")

    async def webhooks(self, uid: str = "") -> list[Webhook]:
        """What came (about the instance *uid*, unless empty), oldest first, since the process started."""
        came = msgspec.json.decode(await self._send("GET", "/webhooks"), type=list[Webhook])
        return [one for one in came if uid in ("", one.uid)]

    async def _send(self, method: str, path: str, body: object = None) -> bytes:
        content = None if body is None else msgspec.json.encode(body)
        response = await self._client.request(method, self._url + path, content=content)
        response.raise_for_status()
        return response.content
