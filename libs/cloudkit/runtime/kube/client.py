"""The client: where the API server is, who we are there, and requests that cannot hang.

kubernetes-asyncio knows the configurations and credentials; bodies are raw bytes, which the callers
decode with msgspec. It has no timeouts of its own, so every request here has one.
"""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import msgspec
import structlog
import yaml
from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, Configuration

from cloudkit.contracts.errors import Misconfigured, Unanswered
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.http_said import read_date
from cloudkit.runtime.kube.refusals import SYSTEM, refusal, translated
from cloudkit.runtime.metrics import KUBERNETES_REQUESTS
from cloudkit.runtime.ports import Clock
from cloudkit.runtime.server_clock import ServerClock

log = structlog.get_logger()

UNARY = aiohttp.ClientTimeout(total=30, sock_connect=5)
STREAM = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=90)  # a bookmark comes every minute
READ_BUFFER = 2**21  # as the library has it
REFRESH = 60.0  # seconds after which the credentials of a kubeconfig are read again
DEFAULT_KUBECONFIG = "~/.kube/config"

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked; ``body`` is anything that msgspec can encode."""

    method: str = "GET"
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    content_type: str = JSON


class KubeClient:
    """Requests to one API server. ``server_clock`` is its clock, as its last answer told."""

    def __init__(self, api: ApiClient, clock: Clock) -> None:
        self._api = api
        self.server_clock = ServerClock(clock)

    async def request(self, request: Request) -> bytes:
        """The body of the answer. Raises `Unreachable`, `Unanswered` or a `Refused`."""
        with _measured(request.method), translated():
            response = await self._send(request, UNARY)
            async with response:
                data = await response.read()
            _check(response, data)
        return data

    @asynccontextmanager
    async def lines(self, request: Request) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of a long answer, as they come, without their ends and of any length.

        Raises, on entering and while reading, `Unreachable`, `Unanswered` (also when nothing at all
        came for 90 s, and when the last line is cut off) or a `Refused`.
        """
        with translated():
            response = await self._send(request, STREAM)
        async with response:
            if response.status != 200:
                with translated():
                    _check(response, await response.read())
            yield _split(response.content)

    async def _send(self, request: Request, limit: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        sent_at = self.server_clock.ask()
        response = await self._api.call_api(
            request.path,
            request.method,
            query_params=list(request.query.items()),
            header_params={"Accept": JSON, "Content-Type": request.content_type},
            body=msgspec.to_builtins(request.body),
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=limit,
        )
        answer = cast("aiohttp.ClientResponse", response)
        if date := read_date(
            answer.headers.get("Date", "")
        ):  # whatever stands before the server may leave it out
            self.server_clock.hear(date, sent_at=sent_at)
        return answer


@asynccontextmanager
async def connect_kube(environ: Mapping[str, str], clock: Clock | None = None) -> AsyncIterator[KubeClient]:
    """A client of the server that ``KUBECONFIG`` names, or whose pod we are in, or of ``~/.kube/config``.

    Sends nothing yet. Raises `Misconfigured` when there is none of them, or it cannot be read.
    """
    clock = clock or SystemClock()
    configuration = await _configuration(environ, clock)
    async with ApiClient(configuration) as api:
        _look_for_a_proxy_only_once(api, configuration.host or "")
        api.user_agent = f"cloudkit-provisioner/{version('cloudkit-provisioner')}"
        log.info("Kubernetes is at", server=configuration.host)
        yield KubeClient(api, clock)


def _look_for_a_proxy_only_once(api: ApiClient, server: str) -> None:
    """Unless the environment names a proxy for *server*, send without looking for one each time.

    aiohttp would look, and into .netrc too, in two threads for each request: a quarter of what a busy
    status-writer costs.
    """
    parts = urlsplit(server)
    if parts.scheme in getproxies() and not proxy_bypass(parts.hostname or ""):
        return
    former = api.rest_client.pool_manager
    api.rest_client.pool_manager = aiohttp.ClientSession(connector=former.connector, read_bufsize=READ_BUFFER)
    former.detach()


def is_in_a_pod(environ: Mapping[str, str]) -> bool:
    """Whether the cluster that we speak to is the one whose pod we are in."""
    return not environ.get("KUBECONFIG") and "KUBERNETES_SERVICE_HOST" in environ


async def _configuration(environ: Mapping[str, str], clock: Clock) -> Configuration:
    configuration = Configuration()
    file = environ.get("KUBECONFIG", "")
    try:
        if is_in_a_pod(environ):
            config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]  # the library types it half
        else:
            await _load_kubeconfig(file or DEFAULT_KUBECONFIG, configuration, clock)
    except (config.ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, AssertionError) as error:
        source = f"KUBECONFIG={file}" if file else f"no KUBECONFIG, no pod, {DEFAULT_KUBECONFIG}"
        raise Misconfigured(f"cannot find out where Kubernetes is ({source}): {error}") from error
    return configuration


async def _load_kubeconfig(file: str, configuration: Configuration, clock: Clock) -> None:
    """Read *file*, and its tokens and plugins again every minute, for they expire."""
    loader = await config.load_kube_config(config_file=file, client_configuration=configuration)
    due = clock.monotonic() + REFRESH

    async def refresh(fresh: Configuration) -> None:
        nonlocal due
        if clock.monotonic() >= due:
            due = clock.monotonic() + REFRESH
            await loader.load_and_set(fresh)

    configuration.refresh_api_key_hook = refresh


@contextmanager
def _measured(method: str) -> Iterator[None]:
    started = time.monotonic()
    outcome = "answered"
    try:
        yield
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        KUBERNETES_REQUESTS.labels(method, outcome).observe(time.monotonic() - started)


def _check(response: aiohttp.ClientResponse, data: bytes) -> None:
    if not 200 <= response.status < 300:
        raise refusal(response.status, data)
    if response.content_type != JSON:
        # A proxy or a login page on the way: the server itself always answers in JSON.
        raise Unanswered(f"Kubernetes answered with {response.content_type}", system=SYSTEM)


async def _split(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines out of chunks. aiohttp's own lines may not be longer than its buffer; ours may."""
    begun: list[bytes] = []
    with translated():
        async for chunk in content.iter_any():
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                yield b"".join([*begun, end])
                begun.clear()
            if rest:
                begun.append(rest)
    if begun:
        raise Unanswered("the answer of Kubernetes was cut off", system=SYSTEM)
