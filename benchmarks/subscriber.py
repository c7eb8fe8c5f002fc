"""A plain NATS client: what any subscriber is to the system."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import nats
from nats.aio.client import Client

CLOSES_WITHIN = 2.0


@asynccontextmanager
async def open_subscriber(url: str) -> AsyncIterator[Client]:
    """A client of the NATS at *url*, closed at the end, however long nats-py would take for that."""
    client: Client = await nats.connect(url)
    try:
        yield client
    finally:
        with suppress(TimeoutError):
            await asyncio.wait_for(client.close(), CLOSES_WITHIN)
