"""Backups of everything that the stand-in holds, as one takes them of etcd.

``PUT /emulator/backups/NAME`` takes one, and ``POST`` goes back to it. Objects are then what they were, with
their uids and versions; every watch ends, and whoever resumes from before has to list again, as after
``etcdutl snapshot restore --bump-revision … --mark-compacted``. Neither needs a token: it is a stand-in, on
loopback, and forgets its backups when it ends.
"""

from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Any

from aiohttp import web

from sandbox.kube.emulator import Emulator

PATH = "/emulator/backups/"
BUMP = 1_000_000
"""How far versions jump at a restore: none is used twice."""
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Backups:
    """Hands every request on to *emulator* but those for its backups."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._taken: dict[str, dict[Any, Any]] = {}

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if not request.path.startswith(PATH):
            handler: Handler = self._emulator
            return await handler(request)
        name = request.path.removeprefix(PATH)
        if request.method == "PUT":
            self._taken[name] = deepcopy(dict(self._emulator.st.tables))
        elif request.method == "POST" and name in self._taken:
            self._restore(self._taken[name])
        else:
            return web.Response(status=404)
        return web.Response(status=204)

    def _restore(self, tables: dict[Any, Any]) -> None:
        store: Any = self._emulator.st  # the emulator is untyped
        store.tables.clear()
        store.tables.update(deepcopy(tables))
        store.rv += BUMP
        for key in {*store.tables, *store.log}:
            store.compact(key)
        store.close()
