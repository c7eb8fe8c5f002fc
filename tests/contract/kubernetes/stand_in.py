"""Runs the stand-in as the process that it is for everybody else."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

START_DEADLINE = 20.0


@dataclass(frozen=True)
class StandIn:
    """A running stand-in."""

    url: str
    kubeconfig: Path
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it with kill -9."""
        self.process.kill()
        self.process.wait(10)

    def end(self) -> int:
        """Ask it to end, and say its exit status."""
        self.process.terminate()
        return self.process.wait(10)


@contextlib.contextmanager
def running_stand_in(directory: Path, *arguments: str) -> Iterator[StandIn]:
    """A stand-in that keeps its access in *directory*."""
    ready_file = directory / "ready.json"
    ready_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "sandbox.kube", "--ready-file", str(ready_file), *arguments]
    with subprocess.Popen(command) as process:
        try:
            _wait_for(ready_file, process)
            ready = json.loads(ready_file.read_text())
            yield StandIn(ready["url"], Path(ready["kubeconfig"]), process)
        finally:
            process.kill()


def _wait_for(ready_file: Path, process: subprocess.Popen[bytes]) -> None:
    """Until the ready file is there; a process that ends instead is an error at once."""
    deadline = time.monotonic() + START_DEADLINE
    while not ready_file.exists():
        assert time.monotonic() < deadline, "the stand-in does not become ready"
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"the stand-in ended with status {process.wait(0.02)}")
