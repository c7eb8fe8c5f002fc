"""The stand-in for EDA: its receiver alone in this process, and all of it in a stack without services."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from sandbox.eda.events import Event
from sandbox.eda.faults import Fault, Faults
from sandbox.eda.receiver import Receiver
from sandbox.eda.settings import Settings


@dataclass
class Running:
    """A receiver that listens: what its rulebook would hear."""

    url: str = ""
    heard: list[Event] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)

    def goes_wrong(self, fault: Fault) -> None:
        self.faults.add([fault])


Serve = Callable[[Settings], AbstractAsyncContextManager[Running]]


@pytest.fixture
def serve() -> Serve:
    """Starts a receiver."""
    return _serving


@pytest.fixture
async def receiver() -> AsyncIterator[Running]:
    """One that asks for nothing."""
    async with _serving(Settings()) as running:
        yield running


@asynccontextmanager
async def _serving(settings: Settings) -> AsyncIterator[Running]:
    running = Running()
    receiver = Receiver(settings, running.faults, lambda event, _: running.heard.append(event))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        running.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield running
    finally:
        await runner.cleanup()
