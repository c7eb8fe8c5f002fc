"""`python -m sandbox.kube`: serve until SIGTERM or SIGINT."""

import argparse
import asyncio
import os
import signal
from pathlib import Path

import msgspec

from sandbox.kube.access import write_access, write_private
from sandbox.kube.crds import crd_path
from sandbox.kube.journal import Journal
from sandbox.kube.server import serve


def main() -> None:
    asyncio.run(_serve_until_told(_arguments()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.kube", description="A Kubernetes API in memory.")
    parser.add_argument(
        "--ready-file", type=Path, required=True, help="gets url, kubeconfig and pid as JSON once all is up"
    )
    parser.add_argument("--port", type=int, default=0, help="0: the former port of the directory, or any")
    parser.add_argument(
        "--directory", type=Path, help="of kubeconfig and key (default: beside the ready file)"
    )
    parser.add_argument(
        "--crd", type=Path, nargs="+", default=[crd_path()], help="definitions to start with (default: ours)"
    )
    parser.add_argument("--keep", action="store_true", help="keep objects in the directory, for a restart")
    return parser.parse_args()


async def _serve_until_told(arguments: argparse.Namespace) -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    directory = (arguments.directory or arguments.ready_file.parent).resolve()
    journal = Journal(directory / "kube.jsonl") if arguments.keep else None
    async with serve(directory=directory, port=arguments.port, crds=arguments.crd, journal=journal) as access:
        kubeconfig = write_access(access, directory)
        ready = {"url": access.url, "kubeconfig": str(kubeconfig), "pid": os.getpid()}
        write_private(arguments.ready_file, msgspec.json.encode(ready))
        await told.wait()
    if journal is not None:
        journal.close()


if __name__ == "__main__":
    main()
