"""Odd values of settings, and odd words of servers: told, counted, and never a crash of the service."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from aap_poller.settings import Settings as AapSettings
from cloudkit.contracts.errors import Misconfigured, ProvisionerError
from cloudkit.runtime.health import Health
from cloudkit.runtime.http_said import read_date, redirect_target
from cloudkit.runtime.kube import KubeFeed, connect_kube
from cloudkit.runtime.kube.refusals import refusal, told_by_watch
from cloudkit.runtime.settings import describe, read_settings
from contract.instances.audience import listening_to
from eda_dispatcher.settings import Settings as EdaSettings
from status_writer.settings import Settings as WriterSettings
from unit.poison import DEEP, RAW, garbage, poisoned
from unit.runtime.test_kube_feed import ImpatientClock, Stage
from unit.runtime.unruly_kube import UnrulyKube, event, page, resource, serving, stream, write_kubeconfig
from watcher.settings import Settings as WatcherSettings

ALL_SETTINGS: tuple[type[Any], ...] = (AapSettings, EdaSettings, WriterSettings, WatcherSettings)
ENOUGH = {
    "CLOUDKIT_AAP_URL": "https://aap/api/controller",
    "CLOUDKIT_AAP_TOKEN": "token",
    "CLOUDKIT_AAP_TEMPLATE_PREFIX": "make",
    "CLOUDKIT_COMPUTE_INSTANCE_PROVISION_WEBHOOK": "https://eda/create",
    "CLOUDKIT_COMPUTE_INSTANCE_DEPROVISION_WEBHOOK": "https://eda/delete",
}
ODD_SETTINGS = (
    *(
        "0",
        "-1",
        "1e9",
        "9" * 400,
        "9" * 5000,
        "nan",
        "inf",
        "\u0661",
        "0x10",
        "1_000",
        "+1",
        "-0",
        ".",
        "5 s",
    ),
    *("99999999999h", "9" * 300 + "h", "0.000000000001ns", "1h-1m", "-5s", "1\u03bcs", "876000000h", "h"),
    *("http://", "http://[::1", "http://[::1]:99999/", "http://a:b/", "https://x y/", "https://h/\u202e"),
    *("nats://", "nats://a,", "nats://a:0", ",", ",,", "a,,b", "TRUE", "\x1b[31m"),
    *("auto", "65536", "..", "/", "aap,eda", "AAP", "x" * 100_000),
)
variables = sorted({row.variable for settings in ALL_SETTINGS for row in describe(settings)})


@pytest.mark.parametrize("value", ODD_SETTINGS, ids=lambda value: ascii(value[:20]))
def test_an_odd_setting_is_refused_in_words_or_can_be_lived_with(value: str) -> None:
    for settings in ALL_SETTINGS:
        for row in describe(settings):
            _live_with(settings, row.variable, value)


@given(st.sampled_from(ALL_SETTINGS), st.sampled_from(variables), st.text(max_size=20))
def test_no_text_in_a_setting_is_a_crash(settings: type[Any], variable: str, value: str) -> None:
    _live_with(settings, variable, value)


def _live_with(settings: type[Any], variable: str, value: str) -> None:
    """All that is done with settings, if they can be read; else the words name the variable."""
    environ = {**ENOUGH, variable: value}
    try:
        found = read_settings(settings, environ)
    except Misconfigured:
        with pytest.raises(Misconfigured, match=variable):
            read_settings(settings, environ)
        return
    for name in vars(settings):
        if isinstance(getattr(settings, name), property):
            getattr(found, name)


@pytest.mark.parametrize("number", ["9" * 400, "1" + "0" * 309])
def test_a_number_that_is_none_any_more_is_refused(number: str) -> None:
    with pytest.raises(Misconfigured, match="CLOUDKIT_AAP_MAX_REQUESTS_PER_SECOND"):
        read_settings(AapSettings, {**ENOUGH, "CLOUDKIT_AAP_MAX_REQUESTS_PER_SECOND": number})


def test_a_duration_that_leads_beyond_all_dates_is_refused() -> None:
    with pytest.raises(Misconfigured, match="CLOUDKIT_RETRY_MAX"):
        read_settings(WatcherSettings, {"CLOUDKIT_RETRY_MAX": "87600000h"})
    assert read_settings(WatcherSettings, {"CLOUDKIT_EDA_JOB_TIMEOUT": "876000h"}).policy.eda_job_timeout


STATUS = {"kind": "Status", "message": "no", "reason": "Invalid", "code": 422, "details": {"name": "vm"}}
NESTED = RAW[f'"{DEEP}"'].encode()


@given(st.integers(300, 999), poisoned(STATUS) | garbage)
def test_no_refusal_of_kubernetes_is_a_crash(status: int, body: bytes) -> None:
    assert isinstance(refusal(status, body), ProvisionerError)
    with suppress(msgspec.MsgspecError):
        assert isinstance(told_by_watch(msgspec.Raw(body)), ProvisionerError)


def test_a_refusal_that_is_nested_without_end_is_a_refusal() -> None:
    """It once ended the watcher."""
    assert "422" in refusal(422, b'{"details":{"x":' * 5000).message


@given(st.text(max_size=40))
def test_no_header_is_a_crash(text: str) -> None:
    moment = read_date(text)
    assert moment is None or moment.tzinfo is not None
    assert redirect_target(text).isprintable()


@pytest.mark.parametrize(
    "text", ["Wed, 21 Oct 2015 07:28:00 +9999999999999", "Fri, 31 Dec 9999 23:59:59 -2359", "", "now"]
)
def test_a_date_that_no_clock_shows_is_none(text: str) -> None:
    assert read_date(text) is None


def test_a_date_without_its_offset_is_of_utc_for_it_has_to_be_compared() -> None:
    moment = read_date("Wed, 21 Oct 2015 07:28:00 -0000")
    assert moment is not None
    assert moment.isoformat() == "2015-10-21T07:28:00+00:00"


Listen = Callable[[UnrulyKube], Any]


@pytest.fixture
async def listen(tmp_path: Path) -> AsyncIterator[Listen]:
    """A feed from an API server that says odd things."""
    async with AsyncExitStack() as stack:

        async def listen(kube: UnrulyKube) -> Stage:
            await stack.enter_async_context(serving(kube))
            kubeconfig = write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{kube.port}", token="t")
            client = await stack.enter_async_context(connect_kube({"KUBECONFIG": str(kubeconfig)}))
            clock, health = ImpatientClock(), Health()
            feed = KubeFeed(client, health=health, clock=clock, random=Random(1))
            return Stage(await stack.enter_async_context(listening_to(feed)), clock, health)

        yield listen


def raw(status: int, body: bytes, **headers: str) -> Callable[[web.Request], Any]:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers={"Content-Type": "application/json", **headers})

    return answer


ODD_LISTS = {
    "nested without end": raw(500, b'{"x":' * 5000),
    "no list": raw(200, b"[]"),
    "no JSON": raw(200, b"\xff"),
    "items that are none": raw(200, b'{"metadata":{},"items":5}'),
    "a date with an endless offset": raw(500, b"{}", Date="Wed, 21 Oct 2015 07:28:00 +9999999999999"),
}


@pytest.mark.parametrize("odd", ODD_LISTS.values(), ids=ODD_LISTS)
async def test_an_odd_list_is_asked_for_again(listen: Listen, odd: Any) -> None:
    stage = await listen(UnrulyKube(lists=[odd, page(resource("vm", 7), version=8)]))
    await stage.audience.until_listed("vm")


ODD_LINES = {
    "no JSON": b"\xff\n",
    "nested without end": b'{"type":"ADDED","object":' + b'{"x":' * 5000 + b"\n",
    "no object": b'{"type":"ADDED"}\n',
    "an object without a version": event("ADDED", {"metadata": {"name": "x"}}),
    "an error that is none": event("ERROR", []),
    "an error that is nested without end": b'{"type":"ERROR","object":' + NESTED + b"}\n",
    "an empty line": b"\n",
}


@pytest.mark.parametrize("odd", ODD_LINES.values(), ids=ODD_LINES)
async def test_an_odd_line_of_a_watch_interrupts_it_and_it_goes_on(listen: Listen, odd: bytes) -> None:
    added = event("ADDED", resource("vm", 9))
    stage = await listen(UnrulyKube(watches=[stream(odd), stream(added, then="silence")]))
    await stage.audience.until_changed("vm")


async def test_kinds_of_events_that_nobody_knows_are_counted_together(listen: Listen) -> None:
    """Each would otherwise be a metric of its own, without end."""
    lines = [event(f"ODD-{number}", {"metadata": {"resourceVersion": "5"}}) for number in range(20)]
    before = _counted("unknown")
    stage = await listen(
        UnrulyKube(watches=[stream(*lines, event("ADDED", resource("vm", 9)), then="silence")])
    )
    await stage.audience.until_changed("vm")
    assert _counted("unknown") == before + 20
    assert _counted("ODD-1") == 0


def _counted(type: str) -> float:
    return REGISTRY.get_sample_value("cloudkit_feed_events_total", {"type": type}) or 0.0
