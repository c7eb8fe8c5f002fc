"""A moment, and a dead letter, to test with."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

from nats.aio.client import Client
from nats.aio.msg import Msg

from cloudkit.runtime.deadletters import bury
from cloudkit.runtime.jetstream import JetStream

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DELIVERY = f"$JS.ACK.CLOUDKIT_JOBS.status-writer-events.3.7.5.{int(NOW.timestamp())}000000000.0"


class _Shelf:
    """Takes one letter in the place of JetStream."""

    letter: dict[str, Any]

    async def append(self, subject: str, data: bytes, headers: dict[str, str]) -> None:
        self.letter = {"subject": subject, "headers": headers, "body": data.decode()}


def dead_letter() -> dict[str, Any]:
    """A message that was buried: its subject, headers and body."""
    shelf = _Shelf()
    headers = {"ce-id": "some id", "Nats-Expected-Last-Subject-Sequence": "6"}
    message = Msg(
        _client=Client(),
        subject="cloudkit.job.ns.vm.uid.aap.provision.failed",
        reply=DELIVERY,
        data=b"{",
        headers=headers,
    )
    burying = bury(
        cast("JetStream", shelf),
        message,
        service="status-writer",
        reason="it is garbage",
        traceback="Trace …",
    )
    asyncio.run(burying)
    return shelf.letter
