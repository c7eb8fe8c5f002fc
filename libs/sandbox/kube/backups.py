"""Backups of everything that the stand-in holds, as one takes them of etcd.

``PUT /emulator/backups/NAME`` takes one, and ``POST`` goes back to it, as ``etcdutl snapshot restore
--bump-revision … --mark-compacted`` does. Neither needs a token: it is a stand-in, on loopback, and forgets
its backups when it ends.
"""

from aiohttp import web

from sandbox.kube.api import KubernetesApi
from sandbox.kube.store import Backup

PATH = "/emulator/backups/"


class Backups:
    """Hands every request on to *api* but those for its backups."""

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api
        self._taken: dict[str, Backup] = {}

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if not request.path.startswith(PATH):
            return await self._api(request)
        name = request.path.removeprefix(PATH)
        if request.method == "PUT":
            self._taken[name] = self._api.store.backup()
        elif request.method == "POST" and name in self._taken:
            self._api.store.restore(self._taken[name])
        else:
            return web.Response(status=404)
        return web.Response(status=204)
