"""What the answers to a webhook mean, and what is sent."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from cloudkit.contracts.errors import (
    ProvisionerError,
    Refused,
    TooLarge,
    Unanswered,
    Unauthorized,
    Unreachable,
)
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.settings import Secret
from eda_dispatcher.webhooks import HttpWebhooks

URLS = {
    JobType.PROVISION: "http://eda:5000/create-compute-instance",
    JobType.DEPROVISION: "http://aap/api/eda/v1/external_event_stream/1/post/",
}
RESOURCE: dict[str, Any] = {"metadata": {"name": "vm", "ünï": "cödé"}}

Answer = Callable[[httpx.Request], httpx.Response]


def webhooks(answer: Answer, secret: str = "") -> HttpWebhooks:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return HttpWebhooks(client, URLS, within=5.0, signed_with=Secret(secret))


def answering(status: int, **headers: str) -> Answer:
    return lambda _: httpx.Response(status, headers=headers)


def raising(error: Exception) -> Answer:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    return fail


@pytest.mark.parametrize("type", JobType)
async def test_the_resource_is_posted_as_json_to_the_url_of_its_type(type: JobType) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, text="create-compute-instance")

    await webhooks(answer).send(type, RESOURCE)
    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", URLS[type])
    assert msgspec.json.decode(request.content) == RESOURCE
    assert request.headers["Content-Type"] == "application/json"
    assert "x-hub-signature-256" not in request.headers


async def test_a_webhook_is_signed_over_the_very_bytes_that_are_sent() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    await webhooks(answer, secret="geheim").send(JobType.PROVISION, RESOURCE)
    expected = hmac.new(b"geheim", seen[0].content, hashlib.sha256).hexdigest()
    assert seen[0].headers["x-hub-signature-256"] == f"sha256={expected}"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (raising(httpx.ConnectError("refused")), Unreachable),
        (raising(httpx.PoolTimeout("no connection")), Unreachable),
        (raising(httpx.ReadTimeout("late")), Unanswered),
        (raising(httpx.RemoteProtocolError("broken")), Unanswered),
        (answering(429), Unreachable),
        (answering(408), Unanswered),
        (answering(500), Unanswered),
        (answering(502), Unanswered),
        (answering(400), Refused),
        (answering(401), Unauthorized),
        (answering(404), Refused),
        (answering(413), TooLarge),
        (answering(302, Location="http://elsewhere/"), Refused),
    ],
)
async def test_an_outcome_says_what_to_do_next(answer: Answer, error: type[ProvisionerError]) -> None:
    with pytest.raises(error) as raised:
        await webhooks(answer).send(JobType.PROVISION, RESOURCE)
    assert type(raised.value) is error
    assert raised.value.system == "EDA"


async def test_a_redirect_is_refused_and_says_where_it_leads() -> None:
    with pytest.raises(Refused, match="http://elsewhere/") as raised:
        await webhooks(answering(301, Location="http://elsewhere/")).send(JobType.PROVISION, RESOURCE)
    assert raised.value.reason == "Redirected"
