"""Commands that end by themselves, above all the real kubectl on a stack's cluster."""

import asyncio
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from cloudkit.contracts.instance import API_VERSION, KIND
from sandbox.stack import LOOPBACK

KUBECTL = shutil.which("kubectl")
WITHIN = 60.0


@dataclass(frozen=True)
class Answered:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


Kubectl = Callable[..., Awaitable[Answered]]
"""`run` with kubectl and a cluster: gets the arguments, and perhaps ``stdin``."""


async def run(
    *command: str,
    kubeconfig: Path | None = None,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
) -> Answered:
    """Run *command*; kubectl finds *kubeconfig* by itself, and keeps its cache beside it.

    Raises `TimeoutError` after a minute.
    """
    ours = {"NO_PROXY": LOOPBACK}
    if kubeconfig is not None:
        ours |= {"KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent)}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **ours, **(environment or {})},
        start_new_session=True,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), WITHIN)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)  # and what it started
        await process.wait()
        raise
    return Answered(process.returncode or 0, out.decode(), err.decode())


def manifest(name: str, spec: dict[str, Any]) -> str:
    """A ComputeInstance for ``kubectl apply -f -``."""
    resource = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}
    return msgspec.json.encode(resource).decode()
