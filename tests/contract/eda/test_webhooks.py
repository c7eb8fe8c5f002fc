"""Our webhooks as EDA takes them: the source ``ansible.eda.webhook``, and the event streams of AAP."""

from typing import Any

import httpx
import pytest

from cloudkit.contracts.errors import ProvisionerError, Refused, Unanswered, Unauthorized
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.settings import read_settings
from contract.eda.conftest import Running, Serve
from eda_dispatcher.connections import open_client
from eda_dispatcher.settings import Settings as DispatcherSettings
from eda_dispatcher.webhooks import HttpWebhooks
from sandbox.eda.faults import Fault
from sandbox.eda.settings import ENDPOINTS, STREAM_PREFIX, STREAMS, Settings

RESOURCE: dict[str, Any] = {"metadata": {"namespace": "lab", "name": "vm", "uid": "u", "ünï": "cödé"}}
URLS = {
    "CLOUDKIT_COMPUTE_INSTANCE_PROVISION_WEBHOOK": "http://eda/create-compute-instance",
    "CLOUDKIT_COMPUTE_INSTANCE_DEPROVISION_WEBHOOK": "http://eda/delete-compute-instance",
}
GUARDED = {
    "nothing": Settings(),
    "a token": Settings(token="token"),
    "a signature": Settings(hmac_secret="geheim"),
    "both": Settings(token="token", hmac_secret="geheim"),
}
TAKES = {"a webhook": tuple(ENDPOINTS), "an event stream": tuple(STREAMS)}


async def send(
    url: str, type: JobType = JobType.PROVISION, *, settings: Settings = GUARDED["nothing"], within: float = 5
) -> None:
    """Send the resource to *url* as eda-dispatcher does, with what *settings* ask for."""
    environ = {"CLOUDKIT_EDA_TOKEN": settings.token, "CLOUDKIT_EDA_HMAC_SECRET": settings.hmac_secret}
    ours = read_settings(DispatcherSettings, URLS | environ)
    async with open_client(ours) as client:
        webhooks = HttpWebhooks(client, {type: url}, within=within, signed_with=ours.hmac_secret)
        await webhooks.send(type, RESOURCE)


@pytest.mark.parametrize("paths", TAKES.values(), ids=TAKES)
@pytest.mark.parametrize("settings", GUARDED.values(), ids=GUARDED)
async def test_eda_takes_our_webhooks_whatever_it_asks_for(
    serve: Serve, settings: Settings, paths: tuple[str, str]
) -> None:
    async with serve(settings) as receiver:
        for type, path in zip(JobType, paths, strict=True):
            await send(receiver.url + path, type, settings=settings)
    assert [event.payload for event in receiver.heard] == [RESOURCE] * 2
    assert [event.purpose for event in receiver.heard] == ["provision", "deprovision"]
    assert all("Authorization" not in event.headers for event in receiver.heard)


REFUSES = {
    "no token": (GUARDED["a token"], Settings(), (401, 400)),
    "a wrong token": (GUARDED["a token"], Settings(token="wrong"), (401, 403)),
    "no signature": (GUARDED["a signature"], Settings(), (400, 400)),
    "a wrong signature": (GUARDED["a signature"], Settings(hmac_secret="falsch"), (401, 403)),
}
"""What EDA asks for, what comes, and the status of a webhook and of an event stream."""


@pytest.mark.parametrize(("asked", "shown", "statuses"), REFUSES.values(), ids=REFUSES)
async def test_eda_refuses(serve: Serve, asked: Settings, shown: Settings, statuses: tuple[int, int]) -> None:
    async with serve(asked) as receiver:
        for (path, _), status in zip(TAKES.values(), statuses, strict=True):
            with pytest.raises(Refused) as refused:
                await send(receiver.url + path, settings=shown)
            assert refused.value.status == status
    assert receiver.heard == []


SAYS = {
    "a webhook with the endpoint": (
        "POST",
        "/create-compute-instance",
        b"{}",
        (200, "create-compute-instance"),
    ),
    "an event stream with nothing": ("POST", next(iter(STREAMS)), b"{}", (200, "")),
    "any other path like a webhook": ("POST", "/elsewhere", b"{}", (200, "elsewhere")),
    "what is no JSON with 400": ("POST", "/create-compute-instance", b"{", (400, "Invalid JSON payload")),
    "a GET with 405": ("GET", "/create-compute-instance", b"", (405, "405: Method Not Allowed")),
    "a stream that there is not with 400": (
        *("POST", f"{STREAM_PREFIX}nobody/post/", b"{}"),
        (400, "no such event stream"),
    ),
}


@pytest.mark.parametrize(("method", "path", "body", "answer"), SAYS.values(), ids=SAYS)
async def test_eda_answers(
    receiver: Running, method: str, path: str, body: bytes, answer: tuple[int, str]
) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        said = await client.request(method, receiver.url + path, content=body)
    assert (said.status_code, said.text) == answer


GOES_WRONG: dict[str, tuple[Fault, type[ProvisionerError], int]] = {
    "an error after the event was taken": (Fault(status=500), Unanswered, 1),
    "an error before": (Fault(status=503, heard=False), Unanswered, 0),
    "a connection that breaks": (Fault(drop=True), Unanswered, 1),
    "an answer that comes too late": (Fault(latency=0.5), Unanswered, 1),
    "a redirect": (Fault(status=302, location="/login", heard=False), Refused, 0),
    "a refusal": (Fault(status=401, heard=False), Unauthorized, 0),
}


@pytest.mark.parametrize(("fault", "error", "heard"), GOES_WRONG.values(), ids=GOES_WRONG)
async def test_what_goes_wrong_is_told_apart(
    receiver: Running, fault: Fault, error: type[ProvisionerError], heard: int
) -> None:
    receiver.goes_wrong(fault)
    url = receiver.url + "/create-compute-instance"
    with pytest.raises(error) as raised:
        await send(url, within=0.2)
    assert type(raised.value) is error
    assert len(receiver.heard) == heard
    await send(url)  # it was struck once


async def test_an_event_that_is_lost_in_memory_was_answered_as_any_other(receiver: Running) -> None:
    receiver.goes_wrong(Fault(heard=False, name="^vm$"))
    await send(receiver.url + "/create-compute-instance")
    assert receiver.heard == []
