"""``python -m sandbox.aap``: serve until SIGTERM."""

import argparse
import asyncio
import os
import signal
from pathlib import Path

import msgspec
from aiohttp import web

from sandbox.aap.app import create_app
from sandbox.aap.journal import Journal
from sandbox.aap.settings import Settings


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the stand-in: what the ready file holds."""

    url: str
    token: str
    control: str
    pid: int


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a restart in the same directory keeps."""

    token: str
    port: int


def main() -> None:
    options = _parser().parse_args()
    asyncio.run(serve(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("sandbox.aap", description="A stand-in for the AAP Controller.")
    parser.add_argument("--ready-file", type=Path, help="where to say, once it listens, how to reach it")
    parser.add_argument("--directory", type=Path, help="keeps jobs, templates, rules, token and port")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any, or that of --directory")
    parser.add_argument("--token", help="default: that of --directory, or a random one")
    parser.add_argument("--superuser", action="store_true", help="make the token a superuser's")
    parser.add_argument("--first-id", type=int, default=Settings.first_id)
    parser.add_argument("--max-body", type=int, default=Settings.max_body, help="in bytes")
    for name in _DURATIONS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(Settings, name))
    return parser


_DURATIONS = tuple(name for name in Settings.__dataclass_fields__ if name.endswith("_seconds"))


async def serve(options: argparse.Namespace) -> None:
    """Listen, say so, and go on until SIGTERM or SIGINT."""
    kept = _read_kept(options.directory)
    settings = _settings(options, kept)
    journal = _journal(options.directory)
    runner = web.AppRunner(create_app(settings, journal=journal), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, options.host, options.port or (kept.port if kept else 0))
        await site.start()
        port = runner.addresses[0][1]
        _keep(options.directory, Kept(token=settings.token, port=port))
        _announce(options.ready_file, f"http://{options.host}:{port}", settings.token)
        await _until_told_to_stop()
    finally:
        await runner.cleanup()
        if journal is not None:
            journal.close()


def _settings(options: argparse.Namespace, kept: Kept | None) -> Settings:
    given = {name: getattr(options, name) for name in (*_DURATIONS, "superuser", "first_id", "max_body")}
    if token := options.token or (kept.token if kept else ""):
        given["token"] = token
    return Settings(**given)


def _journal(directory: Path | None) -> Journal | None:
    if directory is None:
        return None
    directory.mkdir(parents=True, exist_ok=True)
    return Journal(directory / "journal.jsonl")


def _read_kept(directory: Path | None) -> Kept | None:
    file = directory / "aap.json" if directory is not None else None
    if file is None or not file.exists():
        return None
    return msgspec.json.decode(file.read_bytes(), type=Kept)


def _keep(directory: Path | None, kept: Kept) -> None:
    if directory is not None:
        _write(directory / "aap.json", kept)


def _announce(ready_file: Path | None, base: str, token: str) -> None:
    access = Access(url=f"{base}/api/controller", token=token, control=f"{base}/sandbox", pid=os.getpid())
    if ready_file is not None:
        _write(ready_file, access)


def _write(file: Path, value: msgspec.Struct) -> None:
    """Whole or not at all."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(msgspec.json.encode(value))
    draft.replace(file)


async def _until_told_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


if __name__ == "__main__":
    main()
