"""The directory of a run: one run at a time, and nothing in it of the run before that would mislead."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LEFT_OVERS = ("*.log", "*.ready", "nats", "aap", "eda")
"""What goes before a run begins. The stand-ins remember nothing, so the job log must not either; the
kubeconfig stays, so that a shell that uses it may go on."""


class InUse(Exception):
    """Raised when another run has the directory."""


@contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Have *directory*, made and tidied, for this process alone until the block ends. Raises `InUse`.

    The lock is the kernel's: it ends with this process, however that ends.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"Another `cloudkit dev` runs in {directory}; stop it or give --directory.") from None
        _tidy(directory)
        yield


def _tidy(directory: Path) -> None:
    for pattern in LEFT_OVERS:
        for left in directory.glob(pattern):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
