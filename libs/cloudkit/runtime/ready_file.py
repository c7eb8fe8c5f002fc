"""The file by which a process tells its supervisor that it has started, and where it answers."""

import os
from pathlib import Path

import msgspec

from cloudkit.contracts.errors import Misconfigured


def write_ready_file(path: Path, port: int | None) -> None:
    """Write process id and HTTP port (None: it has none) to *path*; a reader sees all of it or nothing.

    Raises `Misconfigured` when it cannot be written there.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(msgspec.json.encode({"pid": os.getpid(), "http": port}))
        unfinished.replace(path)
    except OSError as error:
        raise Misconfigured(f"CLOUDKIT_READY_FILE is {path}, which cannot be written: {error}") from error
