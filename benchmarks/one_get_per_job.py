"""The other way to follow jobs: ask for each of them, one GET each, every so many seconds.

    python -m benchmarks.one_get_per_job URL IDS ENDED --every 30 --ready-file FILE

IDS is a file with an id a line. An id is written to ENDED, with the time, when its job is seen to have
ended. It is what operators with a requeue per resource do; requests are spread evenly, as theirs are
after a while. The token is in the variable TOKEN.
"""

import argparse
import asyncio
import json
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx

ENDS = frozenset({"successful", "failed", "error", "canceled"})
AT_ONCE = 50


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("ids", type=Path)
    parser.add_argument("ended", type=Path)
    parser.add_argument("--every", type=float, default=30.0)
    parser.add_argument("--ready-file", type=Path, required=True)
    asyncio.run(follow(parser.parse_args()))


async def follow(options: argparse.Namespace) -> None:
    """Follow until SIGTERM."""
    ids = options.ids.read_text().split()
    with options.ended.open("w", buffering=1) as ended:
        async with _client(options.url) as client:
            follower = Follower(client, options.every, ended)
            jobs = [
                asyncio.create_task(follower.follow(id, number / len(ids))) for number, id in enumerate(ids)
            ]
            options.ready_file.write_text("{}")
            await _told_to_stop()
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)


def _client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"{url}/v2/",
        headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},
        limits=httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE),
        timeout=30,
        trust_env=False,
    )


@dataclass(frozen=True)
class Follower:
    """Asks for each of its jobs *every* so many seconds, and writes into *ended* which have ended."""

    client: httpx.AsyncClient
    every: float
    ended: IO[str]
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    """httpx becomes slow when thousands of requests wait for its connections."""

    async def follow(self, id: str, phase: float) -> None:
        """Follow job *id* to its end; *phase* is the part of an interval that passes first."""
        await asyncio.sleep(phase * self.every)
        while True:
            asked_at = time.monotonic()
            async with self.turns:
                over = await self._has_ended(id)
            if over:
                self.ended.write(json.dumps({"job": int(id), "at": time.time()}) + "\n")
                return
            await asyncio.sleep(max(0.0, asked_at + self.every - time.monotonic()))

    async def _has_ended(self, id: str) -> bool:
        try:
            answer = await self.client.get(f"jobs/{id}/")
        except httpx.HTTPError:
            return False
        return answer.is_success and answer.json()["status"] in ENDS


async def _told_to_stop() -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()


if __name__ == "__main__":
    main()
