"""``python -m sandbox.eda``: serve until SIGTERM."""

import argparse
import asyncio
import os
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

import httpx
import msgspec
from aiohttp import web

from cloudkit.runtime.kube import connect_kube
from sandbox.aap.control import Control
from sandbox.eda.aap import Aap
from sandbox.eda.app import Surroundings, create_app
from sandbox.eda.cluster import Cluster
from sandbox.eda.settings import Settings
from sandbox.kube.access import write_private

HOST = "127.0.0.1"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the stand-in: what the ready file holds."""

    url: str
    token: str
    control: str
    pid: int


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a restart in the same directory keeps: not the events, which are in memory alone.
    ``position`` is how far AAP's audit was followed."""

    token: str
    port: int = 0
    position: int = 0


@dataclass
class Memory:
    """What is kept, and where."""

    file: Path
    kept: Kept = field(init=False)

    def __post_init__(self) -> None:
        there = self.file.exists()
        self.kept = (
            msgspec.json.decode(self.file.read_bytes(), type=Kept) if there else Kept(token=token_hex(20))
        )

    def keep(self, position: int) -> None:
        """AAP's audit was followed as far as *position*."""
        self._keep(msgspec.structs.replace(self.kept, position=position))

    def listens_at(self, port: int) -> None:
        self._keep(msgspec.structs.replace(self.kept, port=port))

    def _keep(self, kept: Kept) -> None:
        self.kept = kept
        write_private(self.file, msgspec.json.encode(kept))


def main() -> None:
    asyncio.run(serve(_parser().parse_args()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("sandbox.eda", description="A stand-in for Event-Driven Ansible.")
    parser.add_argument("--ready-file", type=Path, required=True, help="gets url, token, control and pid")
    parser.add_argument("--directory", type=Path, required=True, help="keeps token and port")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="for what playbooks do")
    parser.add_argument("--aap-url", required=True, help="where jobs are launched: ends with /api/controller")
    parser.add_argument("--aap-token", required=True)
    parser.add_argument("--aap-control", required=True, help="the control API of the AAP stand-in")
    parser.add_argument("--hmac-secret", default="", help="webhooks must be signed with it")
    return parser


async def serve(options: argparse.Namespace) -> None:
    """Listen, say so, and go on until SIGTERM or SIGINT."""
    options.directory.mkdir(parents=True, exist_ok=True)
    memory = Memory(options.directory / "eda.json")
    settings = Settings(token=memory.kept.token, hmac_secret=options.hmac_secret)
    async with AsyncExitStack() as contexts:
        around = await _surroundings(options, memory, contexts)
        runner = web.AppRunner(create_app(settings, around), access_log=None)
        contexts.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, HOST, memory.kept.port).start()
        memory.listens_at(runner.addresses[0][1])
        base = f"http://{HOST}:{memory.kept.port}"
        access = Access(url=base, token=settings.token, control=f"{base}/sandbox", pid=os.getpid())
        write_private(options.ready_file, msgspec.json.encode(access))
        await _until_told_to_stop()


async def _surroundings(
    options: argparse.Namespace, memory: Memory, contexts: AsyncExitStack
) -> Surroundings:
    api = httpx.AsyncClient(
        base_url=f"{options.aap_url}/v2/",
        headers={"Authorization": f"Bearer {options.aap_token}"},
        trust_env=False,
    )
    control = Control(options.aap_control)
    kubernetes = {"KUBECONFIG": str(options.kubeconfig)}
    return Surroundings(
        aap=Aap(await contexts.enter_async_context(api), await contexts.enter_async_context(control)),
        cluster=Cluster(await contexts.enter_async_context(connect_kube(kubernetes))),
        position=memory.kept.position,
        keep=memory.keep,
    )


async def _until_told_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


if __name__ == "__main__":
    main()
