"""A small HTTP client for the suite. It retries nothing, hides nothing and converts nothing."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAMESPACES = "/api/v1/namespaces"

PATIENCE = 30.0
"""Seconds until something that must happen counts as not happening."""


@dataclass(frozen=True)
class Answer:
    """One HTTP response. ``body`` is decoded JSON, or text where the server sent no JSON."""

    status: int
    warnings: tuple[str, ...]
    body: Any

    def expect(self, status: int) -> Any:
        """The body, if the status is the expected one."""
        assert self.status == status, f"expected {status}, got {self.status}: {self.body}"
        return self.body

    def failure(self, status: int, reason: str) -> dict[str, Any]:
        """Expect an error in the shape that all Kubernetes errors have, and return its body."""
        body: dict[str, Any] = self.expect(status)
        shape = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "reason": reason}
        assert body.items() >= shape.items(), body
        assert body["message"], body
        return body

    def causes(self) -> dict[str, str]:
        """The field errors of an Invalid or Conflict answer: {field: reason}."""
        return {cause["field"]: cause["reason"] for cause in self.body["details"]["causes"]}


class Watch:
    """An open watch: one JSON event per line."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            line = await self._response.content.readline()
        assert line, "the server closed the watch"
        event: dict[str, Any] = json.loads(line)
        return event

    async def take(self, count: int) -> list[dict[str, Any]]:
        return [await self.next() for _ in range(count)]

    async def rest(self) -> list[dict[str, Any]]:
        """All events up to the point where the server closes the watch."""
        async with asyncio.timeout(PATIENCE):
            text = await self._response.content.read()
        return [json.loads(line) for line in text.splitlines()]


class Client:
    """One user of one server."""

    def __init__(self, session: aiohttp.ClientSession, server: str) -> None:
        self._session = session
        self._server = server.rstrip("/")

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        accept: str = JSON,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> Answer:
        """*body* is sent as JSON, except a str, which is sent as it is."""
        data = body if body is None or isinstance(body, str) else json.dumps(body)
        all_headers = {"Accept": accept, **(headers or {})}
        if data is not None:
            all_headers["Content-Type"] = content_type
        async with self._session.request(
            method, self._server + path, data=data, params=query, headers=all_headers
        ) as response:
            warnings = tuple(response.headers.getall("Warning", []))
            return Answer(response.status, warnings, _decoded(await response.text()))

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.request("GET", path, **options)

    async def post(self, path: str, body: Any, **options: Any) -> Answer:
        return await self.request("POST", path, body, **options)

    async def put(self, path: str, body: Any, **options: Any) -> Answer:
        return await self.request("PUT", path, body, **options)

    async def patch(self, path: str, body: Any, **options: Any) -> Answer:
        """A merge patch, unless another ``content_type`` is given."""
        return await self.request("PATCH", path, body, **{"content_type": MERGE_PATCH} | options)

    async def apply(self, path: str, body: Any, manager: str, **options: Any) -> Answer:
        """Server-side apply."""
        return await self.request(
            "PATCH", path, body, content_type=APPLY_PATCH, fieldManager=manager, **options
        )

    async def delete(self, path: str, body: Any = None, **options: Any) -> Answer:
        return await self.request("DELETE", path, body, **options)

    @contextlib.asynccontextmanager
    async def watch(self, path: str, accept: str = JSON, **query: str) -> AsyncIterator[Watch]:
        params = {"watch": "true", **query}
        async with self._session.get(
            self._server + path, params=params, headers={"Accept": accept}
        ) as response:
            assert response.status == 200, await response.text()
            yield Watch(response)

    async def until(self, path: str, holds: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until something holds for the object at *path*."""
        collection, _, name = path.rpartition("/")
        async with self.watch(collection, fieldSelector=f"metadata.name={name}") as watch:
            while not holds((await watch.next())["object"]):
                pass

    async def gone(self, path: str) -> None:
        """Wait until there is no object at *path*."""
        answer = await self.get(path)
        if answer.status == 404:
            return
        collection, _, name = path.rpartition("/")
        version = answer.expect(200)["metadata"]["resourceVersion"]
        query = {"fieldSelector": f"metadata.name={name}", "resourceVersion": version}
        async with self.watch(collection, **query) as watch:
            while (await watch.next())["type"] != "DELETED":
                pass

    async def served(self, collection: str) -> None:
        """Wait until a new kind of resource is served: a little after its CRD says Established."""
        async with asyncio.timeout(PATIENCE):
            while (await self.get(collection)).status != 200:  # noqa: ASYNC110  # no event tells when it is
                await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def open_client(server: str, tls: ssl.SSLContext, headers: dict[str, str]) -> AsyncIterator[Client]:
    """A client that sends *headers* with every request."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=50),
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=60),
        read_bufsize=2**20,
    ) as session:
        yield Client(session, server)


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
