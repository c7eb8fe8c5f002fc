"""Runs the kubectl binary."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest
import yaml

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


class Kubectl:
    """The binary, with a home and a cache of its own."""

    def __init__(self, kubeconfig: Path, namespace: str, home: Path) -> None:
        self.options = [f"--kubeconfig={kubeconfig}", f"--namespace={namespace}", f"--cache-dir={home}/cache"]
        self.environment = os.environ | {"HOME": str(home)}

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            "kubectl",
            *self.options,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment,
        )

    async def finish(self, *arguments: str, stdin: object = None) -> tuple[int, str, str]:
        """Exit status, stdout and stderr. ``stdin`` is a manifest for -f -."""
        process = await self.start(*arguments)
        text = yaml.safe_dump(stdin).encode() if stdin else b""
        out, err = await asyncio.wait_for(process.communicate(text), 60)
        return process.returncode or 0, out.decode(), err.decode()

    async def __call__(self, *arguments: str, stdin: object = None) -> str:
        status, out, err = await self.finish(*arguments, stdin=stdin)
        assert status == 0, err
        return out.strip()
