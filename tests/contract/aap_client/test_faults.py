"""Whatever goes wrong on the way to AAP falls into one of three groups: by what to do next."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import trustme

from aap_poller.exchange import Exchange
from aap_poller.http_controller import HttpController
from aap_poller.http_errors import Broken
from aap_poller.rows import Row
from cloudkit.contracts.errors import (
    Conflict,
    Forbidden,
    NotFound,
    ProvisionerError,
    Refused,
    Unanswered,
    Unauthorized,
    Unreachable,
)
from cloudkit.contracts.jobs import JobKind
from cloudkit.runtime.clock import SystemClock
from contract.aap_client.conftest import TOKEN
from sandbox.aap.control import Control
from sandbox.aap.faults import BAD_GATEWAY, Fault, FaultKind
from sandbox.aap.model import User

CREATE = "innabox-create-compute-instance"
LOGIN_PAGE = "<html><body>Please log in</body></html>"

STATUSES: dict[int, type[ProvisionerError]] = {
    400: Refused,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: Refused,
    408: Unanswered,
    409: Conflict,
    415: Refused,
    429: Unreachable,
    500: Broken,
    502: Broken,
    503: Unanswered,
    504: Unanswered,
}


async def launch(aap: HttpController) -> Row:
    (template,) = await aap.templates(CREATE)
    return await aap.launch(template, {"cloudkit_job": "lab/vm/uid-1/1"})


async def launches(control: Control) -> int:
    return sum(entry.event == "launch" for entry in await control.audit())


def fault(kind: FaultKind, method: str = "POST", **fields: object) -> Fault:
    return Fault(kind=kind, method=method, path="/launch/" if method == "POST" else "/jobs/", **fields)  # type: ignore[arg-type]  # the fields of a fault


@pytest.mark.parametrize(("status", "meaning"), STATUSES.items())
async def test_every_status_of_a_launch_has_its_meaning(
    aap: HttpController, control: Control, status: int, meaning: type[ProvisionerError]
) -> None:
    await control.add_faults(fault(FaultKind.ANSWER, status=status, body='{"detail": "AAP said so"}'))
    with pytest.raises(ProvisionerError) as raised:
        await launch(aap)
    assert type(raised.value) is meaning
    assert raised.value.system == "AAP"
    if isinstance(raised.value, Refused):
        assert raised.value.status == status
        assert "AAP said so" in raised.value.message


@pytest.mark.parametrize(("status", "meaning"), STATUSES.items())
async def test_every_status_of_a_question_has_its_meaning(
    aap: HttpController, control: Control, status: int, meaning: type[ProvisionerError]
) -> None:
    await control.add_faults(fault(FaultKind.ANSWER, "GET", status=status, body='{"detail": "no"}'))
    with pytest.raises(meaning):
        await aap.jobs(["1"])


async def test_what_a_proxy_does_not_find_is_not_gone_from_aap(aap: HttpController, control: Control) -> None:
    job = await launch(aap)
    for body in (BAD_GATEWAY, "", "not found"):
        await control.add_faults(fault(FaultKind.ANSWER, "GET", status=404, body=body))
        with pytest.raises(Unanswered):
            await aap.job(JobKind.JOB, str(job.id))
    await control.add_faults(fault(FaultKind.ANSWER, "GET", status=404, body='{"detail": "Not found."}'))
    assert await aap.job(JobKind.JOB, str(job.id)) is None


async def test_the_html_of_a_proxy_never_reaches_a_condition(aap: HttpController, control: Control) -> None:
    for status in (404, 502):
        await control.add_faults(fault(FaultKind.ANSWER, status=status))
        with pytest.raises(ProvisionerError) as raised:
            await launch(aap)
        assert "<" not in raised.value.message


async def test_a_connection_that_breaks_before_or_after_the_launch_leaves_it_unanswered(
    aap: HttpController, control: Control
) -> None:
    await control.add_faults(fault(FaultKind.DROP), fault(FaultKind.DROP_AFTER))
    for expected in (0, 1):
        with pytest.raises(Unanswered):
            await launch(aap)
        assert await launches(control) == expected


async def test_a_launch_committed_late_is_unanswered(aap: HttpController, control: Control) -> None:
    await control.add_faults(fault(FaultKind.COMMIT_LATE, seconds=60))
    with pytest.raises(Unanswered):
        await launch(aap)


async def test_a_launch_that_takes_too_long_is_unanswered(
    client: httpx.AsyncClient, control: Control
) -> None:
    await control.add_faults(fault(FaultKind.DELAY, latency=0.5))
    exchange = Exchange(client, within=0.1)
    with pytest.raises(Unanswered):
        await launch(HttpController(exchange, exchange, SystemClock()))


async def test_a_late_answer_within_the_patience_is_an_answer(aap: HttpController, control: Control) -> None:
    await control.add_faults(fault(FaultKind.DELAY, latency=0.2))
    assert (await launch(aap)).id == 4711


async def test_a_redirect_is_refused_and_never_followed(aap: HttpController, control: Control) -> None:
    for method, ask in (("POST", launch), ("GET", lambda aap: aap.jobs(["1"]))):
        await control.add_faults(fault(FaultKind.LOGIN, method))
        with pytest.raises(Refused) as refused:
            await ask(aap)
        assert (refused.value.reason, refused.value.status) == ("Redirected", 302)
        assert "CLOUDKIT_AAP_URL" in refused.value.message
    assert await launches(control) == 0


@pytest.mark.parametrize("body", [LOGIN_PAGE, "", "[]", '{"results": [{"id": "x"}]}', '"' + "[" * 5000])
@pytest.mark.parametrize("status", [200, 201])
async def test_a_success_that_cannot_be_read_is_no_answer(
    aap: HttpController, control: Control, status: int, body: str
) -> None:
    await control.add_faults(
        fault(FaultKind.ANSWER, status=status, body=body),
        fault(FaultKind.ANSWER, "GET", status=status, body=body),
    )
    with pytest.raises(Unanswered):
        await launch(aap)
    with pytest.raises(Unanswered):
        await aap.jobs(["1"])


async def test_a_revoked_token_is_unauthorized_and_a_new_one_heals_it(
    aap: HttpController, control: Control
) -> None:
    await control.revoke_token(TOKEN)
    with pytest.raises(Unauthorized):
        await launch(aap)
    await control.add_token(TOKEN, User())
    assert (await launch(aap)).id == 4711


async def test_a_token_that_may_only_read_may_not_launch(aap: HttpController, control: Control) -> None:
    await control.add_token(TOKEN, User(scope="read"))
    with pytest.raises(Forbidden):
        await launch(aap)
    assert await aap.jobs(["1"]) == []


async def test_where_nobody_listens_nothing_was_sent() -> None:
    async with httpx.AsyncClient(base_url="http://127.0.0.1:1/api/controller/v2/", trust_env=False) as client:
        exchange = Exchange(client, within=5)
        with pytest.raises(Unreachable):
            await HttpController(exchange, exchange, SystemClock()).job(JobKind.JOB, "1")


async def test_a_certificate_that_nobody_trusts_lets_nothing_be_sent() -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(server)
    async with a_server(lambda _, writer: close(writer), tls=server) as port, a_client(port, "https") as aap:
        with pytest.raises(Unreachable):
            await aap.job(JobKind.JOB, "1")


async def test_a_server_without_tls_lets_nothing_be_sent_over_it() -> None:
    async def talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await close(writer)

    async with a_server(talk_nonsense) as port, a_client(port, "https") as aap:
        with pytest.raises(Unreachable):
            await aap.job(JobKind.JOB, "1")


async def test_an_answer_that_trickles_in_for_ever_is_none() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        except OSError:
            await close(writer)

    async with a_server(trickle) as port, a_client(port, within=0.3) as aap:
        with pytest.raises(Unanswered):
            await aap.job(JobKind.JOB, "1")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx",
    ],
    ids=["nothing", "not HTTP", "half of it", "not gzip"],
)
async def test_a_broken_answer_is_none(answer: bytes) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await close(writer)

    async with a_server(reply) as port, a_client(port) as aap:
        with pytest.raises(Unanswered):
            await aap.job(JobKind.JOB, "1")


async def test_without_a_free_connection_nothing_is_sent() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await answer.wait()
        await close(writer)

    async with a_server(hold) as port, a_client(port, connections=1) as aap:
        holding = asyncio.create_task(aap.job(JobKind.JOB, "1"))
        await asked.wait()
        with pytest.raises(Unreachable):
            await aap.job(JobKind.JOB, "1")
        answer.set()
        with pytest.raises(Unanswered):
            await holding


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def a_server(talk: Talk, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Something on a port of loopback that is no AAP."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def a_client(
    port: int, scheme: str = "http", *, within: float = 5, connections: int = 5
) -> AsyncIterator[HttpController]:
    url = f"{scheme}://127.0.0.1:{port}/api/controller/v2/"
    limits, timeout = httpx.Limits(max_connections=connections), httpx.Timeout(5, pool=0.05)
    async with httpx.AsyncClient(base_url=url, timeout=timeout, limits=limits, trust_env=False) as client:
        exchange = Exchange(client, within=within)
        yield HttpController(exchange, exchange, SystemClock())
