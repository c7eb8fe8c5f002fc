"""The client: where it finds the server, who it says it is, and what its errors mean."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from multidict import CIMultiDict

from cloudkit.contracts.errors import (
    Conflict,
    Expired,
    Forbidden,
    Misconfigured,
    NotFound,
    ProvisionerError,
    Refused,
    Unanswered,
    Unauthorized,
    Unreachable,
)
from cloudkit.runtime.kube import KubeInstances, connect_kube
from cloudkit.runtime.kube.client import Request
from cloudkit.runtime.testing import ManualClock
from unit.runtime.unruly_kube import UnrulyKube, html, refused, serving, stream, write_kubeconfig

GET = Request(path="/anything")
Script = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def ask(script: Script, tmp_path: Path) -> bytes:
    kube = UnrulyKube(lists=[script])
    async with serving(kube):
        kubeconfig = write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{kube.port}")
        async with connect_kube({"KUBECONFIG": str(kubeconfig)}) as client:
            return await client.request(GET)


MEANINGS: dict[str, tuple[Script, type[ProvisionerError]]] = {
    "401 means that it does not know us": (refused(401), Unauthorized),
    "403 means that we may not": (refused(403), Forbidden),
    "404 means that it is not there": (refused(404), NotFound),
    "409 means that somebody was faster": (refused(409), Conflict),
    "410 means that it forgot": (refused(410), Expired),
    "422 means that it will not": (refused(422), Refused),
    "429 means that we should look again later": (refused(429), Unanswered),
    "500 means that nobody knows": (refused(500), Unanswered),
    "503 from a proxy means that nobody knows": (html(503), Unanswered),
    "a login page is no answer": (html(200), Unanswered),
    "a connection that is dropped is no answer": (stream(b"{", then="drop"), Unanswered),
}


@pytest.mark.parametrize(("script", "meaning"), MEANINGS.values(), ids=MEANINGS)
async def test_what_answers_mean(script: Script, meaning: type[ProvisionerError], tmp_path: Path) -> None:
    with pytest.raises(meaning) as raised:
        await ask(script, tmp_path)
    assert type(raised.value) is meaning
    assert raised.value.system == "Kubernetes"


async def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    kube = UnrulyKube()
    async with serving(kube):
        pass
    kubeconfig = write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{kube.port}")
    async with connect_kube({"KUBECONFIG": str(kubeconfig)}) as client:
        with pytest.raises(Unreachable):
            await client.request(GET)


async def test_a_server_that_does_not_know_the_kind_does_not_say_that_an_instance_is_gone(
    tmp_path: Path,
) -> None:
    kube = UnrulyKube(lists=[refused(404, "404 page not found")])
    async with serving(kube):
        kubeconfig = write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{kube.port}")
        async with connect_kube({"KUBECONFIG": str(kubeconfig)}) as client:
            with pytest.raises(Unanswered, match="is not installed"):
                await KubeInstances(client).get("tenant", "vm")


async def headers_sent(tmp_path: Path, **user: str) -> CIMultiDict[str]:
    sent: CIMultiDict[str] = CIMultiDict()

    async def look(request: web.Request) -> web.StreamResponse:
        sent.update(request.headers)
        return web.json_response({})

    kube = UnrulyKube(lists=[look])
    async with serving(kube):
        kubeconfig = write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{kube.port}", **user)
        async with connect_kube({"KUBECONFIG": str(kubeconfig)}) as client:
            await client.request(GET)
    return sent


async def test_the_token_of_the_kubeconfig_is_sent(tmp_path: Path) -> None:
    assert (await headers_sent(tmp_path, token="hunter2"))["Authorization"] == "Bearer hunter2"


async def test_the_client_says_who_it_is(tmp_path: Path) -> None:
    assert (await headers_sent(tmp_path))["User-Agent"].startswith("cloudkit-provisioner/")


async def test_a_token_file_is_read_again_when_a_minute_has_passed(tmp_path: Path) -> None:
    sent: list[str] = []

    async def look(request: web.Request) -> web.StreamResponse:
        sent.append(request.headers["Authorization"])
        return web.json_response({})

    token_file, clock = tmp_path / "token", ManualClock()
    token_file.write_text("old")
    async with serving(UnrulyKube(lists=[look])) as kube:
        server = f"http://127.0.0.1:{kube.port}"
        kubeconfig = write_kubeconfig(tmp_path / "config", server, tokenFile=str(token_file))
        async with connect_kube({"KUBECONFIG": str(kubeconfig)}, clock) as client:
            token_file.write_text("new")
            await client.request(GET)
            clock.pass_time(60)
            await client.request(GET)
            token_file.unlink()
            clock.pass_time(60)
            with pytest.raises(Unreachable, match="no credentials for Kubernetes"):
                await client.request(GET)
    assert sent == ["Bearer old", "Bearer new"]


async def test_lines_come_whole_and_one_that_is_cut_off_is_no_answer(tmp_path: Path) -> None:
    lines: list[bytes] = []

    async def read(kubeconfig: Path) -> None:
        async with connect_kube({"KUBECONFIG": str(kubeconfig)}) as client, client.lines(GET) as answer:
            async for line in answer:
                lines.append(line)  # noqa: PERF401  # they are kept although the answer breaks

    async with serving(UnrulyKube(lists=[stream(b"one\ntw", b"o\n\nthr")])) as kube:
        kubeconfig = write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{kube.port}")
        with pytest.raises(Unanswered, match="cut off"):
            await read(kubeconfig)
    assert lines == [b"one", b"two", b""]


async def test_a_kubeconfig_that_is_missing_is_told_with_its_name(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    with pytest.raises(Misconfigured, match=str(missing)):
        async with connect_kube({"KUBECONFIG": str(missing)}):
            pass


@pytest.mark.parametrize("content", ["", "[]", "{", "contexts: 3", "current-context: x\ncontexts: []"])
async def test_a_kubeconfig_that_cannot_be_read_is_told(content: str, tmp_path: Path) -> None:
    broken = tmp_path / "config"
    broken.write_text(content)
    with pytest.raises(Misconfigured, match="cannot find out where Kubernetes is"):
        async with connect_kube({"KUBECONFIG": str(broken)}):
            pass


async def test_a_pod_without_a_service_account_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot find out where Kubernetes is"):
        async with connect_kube({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}):
            pass


async def test_a_request_can_be_canceled(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def stay_silent(_: web.Request) -> web.StreamResponse:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    request = asyncio.create_task(ask(stay_silent, tmp_path))
    await asked.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
