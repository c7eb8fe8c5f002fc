"""How fast the Kubernetes stand-in writes, and tells its watchers; beside an older one, if a file is given.

    python -m benchmarks.stand_in
    git show COMMIT:libs/sandbox/kube/emulator.py > FILE; python -m benchmarks.stand_in --before FILE

Each trial serves without TLS in a process of its own, which does nothing else, and loads it in three ways:
creates of ComputeInstances, status patches, and status patches that 20 watchers are told. The versions
take turns, and the best of their trials counts: whatever else the machine does can only make it worse.
"""

import argparse
import asyncio
import gc
import importlib.util
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

from aiohttp import web

from benchmarks.measuring import cost_of
from benchmarks.report import table
from sandbox.kube.accounts import NOBODY
from sandbox.kube.api import KubernetesApi
from sandbox.kube.crds import crd_path, read_manifests
from sandbox.kube.gate import Gate

TOKEN = "benchmark"
COLLECTION = "/apis/cloudkit.openshift.io/v1alpha1/namespaces/default/computeinstances"
MERGE = "application/merge-patch+json"
CONNECTIONS, WATCHERS = 8, 20
PATIENCE = 120.0

Api: TypeAlias = Any
"""A handler of aiohttp that can `install` manifests."""


@dataclass(frozen=True)
class Pace:
    """``rate`` is in requests a second; ``cpu_milliseconds`` are the server's, for each."""

    rate: float
    cpu_milliseconds: float


Trial: TypeAlias = dict[str, Pace]


def main() -> None:
    options = _options()
    if options.serve:
        asyncio.run(_serve(options.before))
    else:
        print(asyncio.run(_compare(options.before, options.trials, options.objects)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, help="an older stand-in, which was one file")
    parser.add_argument("--trials", type=int, default=5, help="of each version (default: 5)")
    parser.add_argument("--objects", type=int, default=1000, help="of each trial (default: 1000)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


async def _compare(before: Path | None, trials: int, objects: int) -> str:
    versions = {"now": None, **({"before": before} if before else {})}
    found: dict[str, list[Trial]] = {name: [] for name in versions}
    for _ in range(trials):
        for name, file in versions.items():
            found[name].append(await _trial(file, objects))
    best = {name: _best(paces) for name, paces in found.items()}
    rows = [_row(what, [figures[what] for figures in best.values()]) for what in best["now"]]
    return table(("", *best, *(["ratio"] if before else [])), rows)


def _best(trials: list[Trial]) -> dict[str, float]:
    best = {}
    for what in trials[0]:
        best[f"{what}: a second"] = max(trial[what].rate for trial in trials)
        best[f"{what}: CPU ms of the server"] = min(trial[what].cpu_milliseconds for trial in trials)
    return best


def _row(what: str, figures: list[float]) -> list[str]:
    ratio = [f"{now / before:.2f}" for now, before in pairwise(figures)]
    return [what, *(f"{figure:,.2f}" for figure in figures), *ratio]


async def _trial(before: Path | None, objects: int) -> Trial:
    """One server's life, after as many creates as take it to fetch its memory from the system."""
    async with _server(before) as server:
        names = [f"vm-{number}" for number in range(objects)]
        await server.measure([_create(f"earlier-{name}") for name in names])
        created = await server.measure([_create(name) for name in names])
        patched = await server.measure([_patch(name, 1) for name in names])
        async with server.watchers() as watchers:
            told = await server.measure([_patch(name, 2) for name in names], watchers)
    return {"creates": created, "status patches": patched, f"patches, told {WATCHERS} watchers": told}


@dataclass(frozen=True)
class Server:
    pid: int
    port: int

    async def measure(self, requests: list[bytes], watchers: "list[Watcher] | None" = None) -> Pace:
        """Send all *requests*, over a few connections at once, until the *watchers* know of each."""
        shares = [requests[number::CONNECTIONS] for number in range(CONNECTIONS)]
        cpu, start = cost_of(self.pid).cpu_seconds, time.perf_counter()
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            for share in shares:
                group.create_task(self._send(share))
            for watcher in watchers or ():
                group.create_task(watcher.read(len(requests)))
        seconds = time.perf_counter() - start
        spent = cost_of(self.pid).cpu_seconds - cpu
        return Pace(len(requests) / seconds, spent * 1000 / len(requests))

    @asynccontextmanager
    async def watchers(self) -> AsyncIterator["list[Watcher]"]:
        """As many as there are in a trial, of what is done from now on."""
        async with AsyncExitStack() as stack:
            version = await self._version()
            path = f"{COLLECTION}?watch=true&resourceVersion={version}"
            yield [await stack.enter_async_context(self._watcher(path)) for _ in range(WATCHERS)]

    @asynccontextmanager
    async def _watcher(self, path: str) -> AsyncIterator["Watcher"]:
        async with self._connection() as (reader, writer):
            writer.write(_request("GET", path))
            await reader.readuntil(b"\r\n\r\n")
            yield Watcher(reader)

    async def _version(self) -> str:
        async with self._connection() as (reader, writer):
            writer.write(_request("GET", f"{COLLECTION}?limit=1"))
            return str(json.loads(await _answer(reader))["metadata"]["resourceVersion"])

    async def _send(self, requests: list[bytes]) -> None:
        async with self._connection() as (reader, writer):
            for request in requests:
                writer.write(request)
                await _answer(reader)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            yield reader, writer
        finally:
            writer.close()


class Watcher:
    """Counts events by their ends of line; it decodes nothing, so that the server is what is measured."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def read(self, count: int) -> None:
        while count > 0:
            chunk = await self._reader.read(2**18)
            assert chunk, "the server ended the watch"
            count -= chunk.count(b"}\n")


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 20"), head
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return await reader.readexactly(int(length.partition(b":")[2]))


def _create(name: str) -> bytes:
    body = {
        "apiVersion": "cloudkit.openshift.io/v1alpha1",
        "kind": "ComputeInstance",
        "metadata": {"name": name, "namespace": "default", "labels": {"tenant": "a"}},
        "spec": {"vcpu": 2, "memory": 4096, "disk": 40, "templateParameters": '{"note": "short"}'},
    }
    return _request("POST", COLLECTION, body)


def _patch(name: str, number: int) -> bytes:
    time = f"2026-01-02T03:04:0{number}Z"
    summary = {"state": "Running", "message": "Job running"}
    job = {**summary, "jobID": str(number), "number": number, "type": "provision", "timestamp": time}
    conditions = [
        {"type": type, "status": "False", "reason": "Running", "message": "", "lastTransitionTime": time}
        for type in ("Provisioned", "Ready", "Stalled")
    ]
    status = {"phase": "Progressing", "provisionJob": summary, "jobs": [job], "conditions": conditions}
    return _request("PATCH", f"{COLLECTION}/{name}/status", {"status": status}, MERGE)


def _request(method: str, path: str, body: object = None, content_type: str = "application/json") -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
        f"Authorization: Bearer {TOKEN}\r\nUser-Agent: cloudkit-provisioner/1\r\n"
    )
    if data:
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(data)}\r\n"
    return head.encode() + b"\r\n" + data


@asynccontextmanager
async def _server(before: Path | None) -> AsyncIterator[Server]:
    """A stand-in in a process of its own, which says on its standard output where it listens."""
    command = ["-m", "benchmarks.stand_in", "--serve", *(["--before", str(before)] if before else [])]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    try:
        port = int(await asyncio.wait_for(process.stdout.readline(), PATIENCE))
        yield Server(process.pid, port)
    finally:
        process.terminate()
        await process.wait()


async def _serve(before: Path | None) -> None:
    api = _former_api(before) if before else KubernetesApi(Gate(TOKEN, NOBODY))
    for manifest in read_manifests(crd_path()):
        api.install(manifest)
    runner = web.ServerRunner(web.Server(api, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gc.collect()
    gc.freeze()  # What was imported is not looked through again while we measure.
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def _former_api(file: Path) -> Api:
    spec = importlib.util.spec_from_file_location("former_stand_in", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.Emulator(tokens={TOKEN: ("benchmark", ["system:masters"])})


if __name__ == "__main__":
    main()
