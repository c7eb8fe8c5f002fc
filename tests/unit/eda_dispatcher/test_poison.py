"""Whatever EDA answers to a webhook: received, or an error that says what to do next, and no secret told."""

from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudkit.contracts.errors import Refused, Unanswered, Unreachable
from cloudkit.contracts.jobs import JobType
from unit.eda_dispatcher.test_webhooks import RESOURCE, answering, webhooks
from unit.poison import garbage

HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"location": "http://[::1"},
    {"location": "//" + "x" * 9000},
    {"retry-after": "9" * 400},
    {"content-encoding": "gzip"},
    {"content-type": "text/html; charset=none"},
    {"date": "never"},
)


@given(st.integers(200, 999), st.sampled_from(HEADERS), garbage)
async def test_no_answer_to_a_webhook_is_a_crash(status: int, headers: dict[str, str], body: bytes) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        try:
            return httpx.Response(status, headers=headers, content=body)
        except httpx.DecodingError as error:  # which a real one raises when it is read
            raise httpx.DecodingError(str(error)) from error

    with suppress(Unreachable, Unanswered, Refused):
        await webhooks(answer).send(JobType.PROVISION, RESOURCE)
        assert 200 <= status < 300


SECRETIVE = {
    "http://user:geheim@elsewhere:8443/post/?token=geheim#geheim": "http://elsewhere:8443/post/",
    "/login?next=geheim": "/login",
    "": "nowhere",
    "/" + "x" * 9000: "/" + "x" * 499,
}


@pytest.mark.parametrize(("location", "told"), SECRETIVE.items(), ids=lambda text: text[:40])
async def test_a_redirect_says_where_it_leads_and_none_of_its_secrets(location: str, told: str) -> None:
    """It stands on the resource, where everybody reads it."""
    with pytest.raises(Refused) as refused:
        await webhooks(answering(302, Location=location)).send(JobType.PROVISION, RESOURCE)
    assert f"(302 to {told})" in refused.value.message
    assert "geheim" not in refused.value.message
