"""The client of AAP against the stand-in, over real HTTP on loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from aiohttp import web

from aap_poller.exchange import Exchange
from aap_poller.http_controller import HttpController
from cloudkit.runtime.clock import SystemClock
from sandbox.aap import Settings, create_app
from sandbox.aap.control import Control
from sandbox.aap.controller import Controller
from sandbox.aap.gate import CONTROLLER

TOKEN = "the-token"
SETTINGS = Settings(
    token=TOKEN,
    job_seconds=0.05,
    pending_seconds=0,
    waiting_seconds=0,
    cancel_seconds=0,
    workflow_seconds=0.01,
)
PATIENCE = 5.0


@dataclass(frozen=True)
class StandIn:
    """A running stand-in: where it is, and what is in it."""

    url: str
    state: Controller


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    """One that this test may harm."""
    async with running(create_app(SETTINGS)) as stand_in:
        yield stand_in


@pytest.fixture
async def control(stand_in: StandIn) -> AsyncIterator[Control]:
    async with Control(f"{stand_in.url}/sandbox") as control:
        yield control


@pytest.fixture
async def client(stand_in: StandIn) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(stand_in) as client:
        yield client


@pytest.fixture
def aap(client: httpx.AsyncClient) -> HttpController:
    return controller_on(client)


@asynccontextmanager
async def running(app: web.Application) -> AsyncIterator[StandIn]:
    """*app* on a port of loopback."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield StandIn(f"http://127.0.0.1:{runner.addresses[0][1]}", app[CONTROLLER])
    finally:
        await runner.cleanup()


def client_of(stand_in: StandIn) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{stand_in.url}/api/controller/v2/"
    return httpx.AsyncClient(base_url=url, headers=headers, trust_env=False)


def controller_on(client: httpx.AsyncClient) -> HttpController:
    exchange = Exchange(client, within=PATIENCE)
    return HttpController(exchange, exchange, SystemClock())
