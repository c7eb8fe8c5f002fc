"""The stand-in as a server: what it holds at the start, where it listens, and how it ends."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from sandbox.kube.access import Access, new_access, read_access
from sandbox.kube.accounts import NOBODY, Accounts
from sandbox.kube.api import KubernetesApi
from sandbox.kube.backups import Backups
from sandbox.kube.crds import read_manifests
from sandbox.kube.gate import Gate
from sandbox.kube.journal import Journal
from sandbox.kube.tally import Tally

ADDRESS = "127.0.0.1"
NAMESPACES = ("cloudkit-system",)
"""Those that exist from the start, besides default and kube-system."""
SHUTDOWN_SECONDS = 1.0
"""How long requests may go on once the server ends; a client that reads nothing must not hold it up."""


@asynccontextmanager
async def serve(
    *,
    directory: Path,
    port: int,
    crds: Sequence[Path],
    accounts: Accounts = NOBODY,
    journal: Journal | None = None,
) -> AsyncIterator[Access]:
    """Serve until the block ends, with the certificate and token that *directory* holds, if any.

    *port* 0 means the port of the last server of that directory, or any other if it is taken. The
    token is an administrator's; *accounts* have their own. With a *journal* it holds what that kept.
    """
    access = read_access(directory) or new_access()
    listener = _listen(port, access.port)
    access = replace(access, port=listener.getsockname()[1])
    api = _api(Gate(access.token, accounts), crds)
    if journal is not None:
        journal.restore(api.store)
    server = web.Server(Tally(Backups(api)), access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.SockSite(runner, listener, ssl_context=access.tls()).start()
        yield access
    finally:
        api.close()
        await runner.cleanup()


def _listen(port: int, former: int) -> socket.socket:
    try:
        return socket.create_server((ADDRESS, port or former))
    except OSError:
        if port:
            raise
        return socket.create_server((ADDRESS, 0))


def _api(gate: Gate, crds: Sequence[Path]) -> KubernetesApi:
    api = KubernetesApi(gate)
    for name in NAMESPACES:
        api.install({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for path in crds:
        for manifest in read_manifests(path):
            api.install(manifest)
    return api
