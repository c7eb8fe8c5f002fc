"""Whom the client trusts, and through whom it goes: certificates and proxies."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from aap_poller.connections import open_aap
from aap_poller.http_controller import HttpController
from aap_poller.limiter import Limiter
from aap_poller.presence import Presence
from aap_poller.settings import Settings
from cloudkit.contracts.errors import Misconfigured, Unreachable
from cloudkit.contracts.jobs import JobKind
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.health import Health
from cloudkit.runtime.settings import read_settings
from contract.aap_client.conftest import TOKEN

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
NOTHING_OF_THAT_ID = b"HTTP/1.1 404 Not Found\r\nContent-Length: 24\r\nConnection: close\r\n\r\n"
BODY = b'{"detail": "Not found."}'


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class Listener:
    """Something on a port of loopback that has no job at all. ``heard`` are the first lines it got."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append((await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")[0])
        writer.write(NOTHING_OF_THAT_ID + BODY)
        await writer.drain()
        writer.close()

    @property
    def paths(self) -> list[str]:
        return [line.split()[1] for line in self.heard]


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[Listener]:
    listener = Listener()
    server = await asyncio.start_server(listener.talk, "127.0.0.1", 0, ssl=tls)
    async with server:
        listener.port = server.sockets[0].getsockname()[1]
        yield listener


@asynccontextmanager
async def client(url: str, **environ: str) -> AsyncIterator[HttpController]:
    given = {
        "CLOUDKIT_AAP_URL": f"{url}/api/controller",
        "CLOUDKIT_AAP_TOKEN": TOKEN,
        "CLOUDKIT_AAP_PROVISION_TEMPLATE": "create",
        "CLOUDKIT_AAP_DEPROVISION_TEMPLATE": "delete",
    }
    settings, clock = read_settings(Settings, {**given, **environ}), SystemClock()
    async with open_aap(settings, clock, Presence(Health(), clock), Limiter(clock, 0)) as aap:
        yield aap


class Authority:
    """Signs for 127.0.0.1. ``file`` is what a client has to trust."""

    def __init__(self, folder: Path) -> None:
        ca = trustme.CA()
        self.file = folder / "ca.pem"
        ca.cert_pem.write_to_path(str(self.file))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("127.0.0.1").configure_cert(self.tls)
        self.tls_of_another_host = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("aap.example.com").configure_cert(self.tls_of_another_host)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def test_a_certificate_that_the_system_does_not_know_is_refused_and_hears_no_token(
    authority: Authority,
) -> None:
    async with listening(authority.tls) as aap, client(f"https://127.0.0.1:{aap.port}") as http:
        with pytest.raises(Unreachable, match="certificate"):
            await http.job(JobKind.JOB, "1")
    assert aap.heard == []


async def test_a_certificate_of_the_given_authority_is_trusted(authority: Authority) -> None:
    async with (
        listening(authority.tls) as aap,
        client(f"https://127.0.0.1:{aap.port}", SSL_CERT_FILE=str(authority.file)) as http,
    ):
        assert await http.job(JobKind.JOB, "1") is None
    assert aap.heard == ["GET /api/controller/v2/jobs/1/ HTTP/1.1"]


async def test_a_certificate_of_another_host_is_refused(authority: Authority) -> None:
    async with (
        listening(authority.tls_of_another_host) as aap,
        client(f"https://127.0.0.1:{aap.port}", SSL_CERT_FILE=str(authority.file)) as http,
    ):
        with pytest.raises(Unreachable, match="certificate"):
            await http.job(JobKind.JOB, "1")
    assert aap.heard == []


async def test_any_certificate_is_accepted_by_who_says_so(authority: Authority) -> None:
    url_of = "https://127.0.0.1:{}".format
    async with (
        listening(authority.tls_of_another_host) as aap,
        client(url_of(aap.port), CLOUDKIT_AAP_INSECURE_SKIP_VERIFY="true") as http,
    ):
        assert await http.job(JobKind.JOB, "1") is None


async def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with client("http://aap.invalid") as http:
            assert await http.job(JobKind.JOB, "1") is None
    assert proxy.paths == ["http://aap.invalid/api/controller/v2/jobs/1/"]


async def test_a_host_that_needs_no_proxy_is_reached_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as proxy, listening() as aap:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with client(f"http://127.0.0.1:{aap.port}") as http:
            assert await http.job(JobKind.JOB, "1") is None
    assert (proxy.heard, len(aap.heard)) == ([], 1)


async def test_a_proxy_that_opens_no_tunnel_lets_nothing_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with client("https://aap.invalid") as http:
            with pytest.raises(Unreachable):
                await http.job(JobKind.JOB, "1")
    assert proxy.heard == ["CONNECT aap.invalid:443 HTTP/1.1"]


@pytest.mark.parametrize("proxy", ["ftp://me:s3cret@proxy:1", "socks5://me:s3cret@proxy:1"])
async def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(Misconfigured, match="HTTPS_PROXY") as misconfigured:
        async with client("https://aap.example.com"):
            pass
    assert "s3cret" not in misconfigured.value.message
