"""The AAP stand-in over HTTP, on a clock that only tests move."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import pytest
from aiohttp.test_utils import TestServer

from cloudkit.runtime.testing import ManualClock
from sandbox.aap import Settings, create_app
from sandbox.aap.control import Control
from sandbox.aap.model import User

T = TypeVar("T")

CREATE, DELETE = "innabox-create-compute-instance", "innabox-delete-compute-instance"
SETTINGS = Settings(
    token="ours",
    first_id=4711,
    job_seconds=5,
    pending_seconds=1,
    waiting_seconds=1,
    cancel_seconds=2,
    workflow_seconds=1,
    event_seconds=1,
    dispatcher_seconds=1,
)
RUNNING, ENDED = 3.0, 10.0
"""Seconds after which a job with `SETTINGS` runs, and has ended."""


@dataclass(frozen=True)
class Aap:
    """One controller, and everything that a test does to it."""

    http: httpx.AsyncClient
    control: Control
    clock: ManualClock

    async def template_id(self, name: str = CREATE) -> int:
        return next(one.id for one in await self.control.templates() if one.name == name)

    async def launch(self, name: str = CREATE, **fields: object) -> httpx.Response:
        """POST a launch of the template *name*, with *fields* as its body."""
        template = next(one for one in await self.control.templates() if one.name == name)
        return await self.http.post(f"/{template.kind}s/{template.id}/launch/", json=fields)

    async def launched(
        self, machine: str = "vm", *, template: str = CREATE, uid: str = "u1", number: int = 1, vcpu: int = 2
    ) -> int:
        """The id of a new job about *machine*."""
        response = await self.launch(template, extra_vars=about(machine, uid=uid, number=number, vcpu=vcpu))
        assert response.status_code == 201, response.text
        id: int = response.json()["id"]
        return id

    async def held_up(self, request: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """*request*, once the controller has got it and takes its time to answer."""
        task = asyncio.create_task(request)
        async with asyncio.timeout(10):
            while not self.clock.sleepers:  # noqa: ASYNC110 -- the clock has no event for a new sleeper
                await asyncio.sleep(0)
        return task

    async def row(self, path: str) -> dict[str, Any]:
        response = await self.http.get(path)
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    async def job(self, id: int) -> dict[str, Any]:
        return await self.row(f"/jobs/{id}/")

    async def workflow_job(self, id: int) -> dict[str, Any]:
        return await self.row(f"/workflow_jobs/{id}/")

    async def ids(self, path: str) -> list[int]:
        """The ids that a list answers with."""
        return [one["id"] for one in (await self.row(path))["results"]]


def about(machine: str, *, uid: str = "u1", number: int = 1, vcpu: int = 2) -> dict[str, Any]:
    """extra_vars about *machine*."""
    resource = {"metadata": {"namespace": "ns", "name": machine, "uid": uid}, "spec": {"vcpu": vcpu}}
    return {
        "cloudkit_job": f"ns/{machine}/{uid}/{number}",
        "ansible_eda": {"event": {"payload": resource}},
    }


@pytest.fixture
async def aap() -> AsyncIterator[Aap]:
    clock = ManualClock()
    server = TestServer(create_app(SETTINGS, clock=clock))
    await server.start_server()
    base = str(server.make_url("")).rstrip("/")
    headers = {"Authorization": "Bearer ours"}
    async with (
        httpx.AsyncClient(base_url=f"{base}/api/controller/v2", headers=headers, trust_env=False) as http,
        Control(f"{base}/sandbox") as control,
    ):
        yield Aap(http, control, clock)
    await server.close()


@pytest.fixture
async def as_superuser(aap: Aap) -> dict[str, str]:
    """Headers of a superuser."""
    await aap.control.add_token("root", User(id=1, username="admin", superuser=True))
    return {"Authorization": "Bearer root"}
