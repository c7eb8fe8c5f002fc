"""The feed against API servers that end, refuse, forget, stutter and shout."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from aiohttp import web

from cloudkit.runtime.health import Health
from cloudkit.runtime.kube import Changed, KubeFeed, Listed, Listing, connect_kube
from cloudkit.runtime.metrics import UNREADABLE_INSTANCES
from contract.instances.audience import Audience, listening_to, names_in
from unit.runtime.unruly_kube import (
    UnrulyKube,
    bookmark,
    event,
    html,
    page,
    refused,
    resource,
    serving,
    stream,
    write_kubeconfig,
)

ADDED = event("ADDED", resource("vm", 7))
EXPIRED = event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})


class ImpatientClock:
    """Sleeps take no time, but are counted as if they did."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return sum(self.pauses)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


@dataclass
class Stage:
    """A feed, who listens to it, and what it says of itself."""

    audience: Audience
    clock: ImpatientClock
    health: Health

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():  # noqa: ASYNC110  # what it looks at cannot wake us
                await asyncio.sleep(0.002)


Play = Callable[[UnrulyKube], Awaitable[Stage]]


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Play]:
    async with AsyncExitStack() as stack:

        async def play(kube: UnrulyKube, *, serve: bool = True) -> Stage:
            if serve:
                await stack.enter_async_context(serving(kube))
            kubeconfig = write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{kube.port}", token="t")
            client = await stack.enter_async_context(connect_kube({"KUBECONFIG": str(kubeconfig)}))
            clock, health = ImpatientClock(), Health()
            feed = KubeFeed(client, health=health, clock=clock, random=Random(1))
            audience = await stack.enter_async_context(listening_to(feed))
            return Stage(audience, clock, health)

        yield play


async def test_a_list_is_read_in_pages(play: Play) -> None:
    kube = UnrulyKube(lists=[page(resource("a", 1), version=5, more="x"), page(resource("b", 2), version=5)])
    stage = await play(kube)
    listed = await stage.audience.until(Listed)
    assert names_in(listed) == {"a", "b"}
    await stage.until(lambda: bool(kube.watched_from))
    assert kube.asked[0][1] == {"limit": "500"}
    assert kube.asked[1][1] == {"limit": "500", "continue": "x"}
    assert kube.watched_from == ["5"]


async def test_pages_that_expire_are_read_from_the_first_again(play: Play) -> None:
    kube = UnrulyKube(
        lists=[page(resource("a", 1), version=5, more="x"), refused(410), page(resource("b", 2), version=6)]
    )
    stage = await play(kube)
    assert names_in(await stage.audience.until(Listed)) == {"b"}


async def test_a_watch_that_ends_is_resumed_from_the_last_event(play: Play) -> None:
    kube = UnrulyKube(watches=[stream(ADDED), stream(then="silence")])
    stage = await play(kube)
    await stage.until(lambda: len(kube.watched_from) == 2)
    assert kube.watched_from == ["1", "7"]
    assert stage.audience.listings == 1


async def test_a_watch_that_ends_is_resumed_from_the_last_bookmark(play: Play) -> None:
    kube = UnrulyKube(watches=[stream(ADDED, bookmark(9)), stream(then="silence")])
    stage = await play(kube)
    await stage.until(lambda: len(kube.watched_from) == 2)
    assert kube.watched_from == ["1", "9"]


async def test_a_dropped_connection_is_resumed_without_a_list(play: Play) -> None:
    kube = UnrulyKube(watches=[stream(ADDED, then="drop"), stream(then="silence")])
    stage = await play(kube)
    await stage.until(lambda: len(kube.watched_from) == 2)
    assert kube.listed == 1
    await stage.audience.until_changed("vm")


async def test_a_line_that_is_cut_off_is_not_believed_and_asked_for_again(play: Play) -> None:
    kube = UnrulyKube(watches=[stream(ADDED[:-20]), stream(ADDED, then="silence")])
    stage = await play(kube)
    await stage.audience.until_changed("vm")
    assert kube.watched_from == ["1", "1"]
    assert sum(isinstance(told, Changed) for told in stage.audience.told) == 1


@pytest.mark.parametrize("forgotten", [refused(410), stream(EXPIRED)], ids=["HTTP 410", "ERROR event"])
async def test_a_version_that_is_forgotten_is_answered_by_a_new_list(
    play: Play, forgotten: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> None:
    kube = UnrulyKube(
        lists=[page(version=1), page(resource("new", 50), version=60)],
        watches=[forgotten, stream(then="silence")],
    )
    stage = await play(kube)
    await stage.audience.until_listed("new")
    await stage.until(lambda: len(kube.watched_from) == 2)
    assert kube.watched_from == ["1", "60"]
    assert [type(told) for told in stage.audience.told] == [Listing, Listed, Listing, Listed]


async def test_other_errors_in_a_watch_are_waited_out(play: Play) -> None:
    trouble = event("ERROR", {"kind": "Status", "code": 500, "message": "etcd"})
    kube = UnrulyKube(watches=[stream(trouble), stream(ADDED, then="silence")])
    stage = await play(kube)
    await stage.audience.until_changed("vm")
    assert kube.listed == 1


async def test_pauses_grow_with_every_fruitless_watch_and_shrink_with_progress(play: Play) -> None:
    kube = UnrulyKube(watches=[*[stream()] * 4, stream(ADDED), stream(then="silence")])
    stage = await play(kube)
    await stage.until(lambda: len(kube.watched_from) == 6)
    shortest = [0.2, 0.4, 0.8, 1.6, 0.2]
    pauses = zip(stage.clock.pauses, shortest, strict=True)
    assert all(least <= pause <= 2 * least for pause, least in pauses)


async def test_watches_that_say_nothing_for_long_are_answered_by_a_new_list(play: Play) -> None:
    kube = UnrulyKube(
        lists=[page(version=900), page(version=3)], watches=[*[refused(504)] * 5, stream(then="silence")]
    )
    stage = await play(kube)
    await stage.until(lambda: len(kube.watched_from) == 6)
    assert kube.watched_from == ["900"] * 5 + ["3"]


async def test_a_watch_that_is_never_allowed_does_not_turn_into_lists_without_pause(play: Play) -> None:
    kube = UnrulyKube(watches=[refused(403, "may not watch")])
    stage = await play(kube)
    await stage.until(lambda: kube.listed >= 5)
    assert stage.clock.pauses[-1] >= 15
    assert kube.listed <= len(kube.watched_from) / 5 + 1


async def test_everything_is_listed_again_after_a_while(play: Play) -> None:
    kube = UnrulyKube(watches=[stream(bookmark(2))])
    stage = await play(kube)
    await stage.until(lambda: stage.audience.listings == 2)
    assert 600 <= stage.clock.monotonic() <= 1801


async def test_a_resource_of_a_megabyte_is_read_like_any_other(play: Play) -> None:
    huge = event("ADDED", resource("huge", 8, templateParameters="x" * 5_000_000))
    kube = UnrulyKube(watches=[stream(huge + ADDED, then="silence")])
    stage = await play(kube)
    changed = await stage.audience.until_changed("huge")
    assert len(bytes(changed.seen.raw)) > 5_000_000
    await stage.audience.until_changed("vm")


async def test_a_resource_that_cannot_be_read_is_skipped_and_counted(play: Play) -> None:
    before = UNREADABLE_INSTANCES._value.get()
    bad = resource("bad", 8)
    bad["metadata"]["creationTimestamp"] = "yesterday"
    kube = UnrulyKube(
        lists=[page(bad, resource("good", 2), {"metadata": None}, version=5)],
        watches=[stream(event("MODIFIED", bad), ADDED, then="silence")],
    )
    stage = await play(kube)
    await stage.audience.until_listed("good")
    await stage.audience.until_changed("vm")
    assert UNREADABLE_INSTANCES._value.get() - before == 3


async def test_a_kind_of_event_that_nobody_knows_is_passed_over(play: Play) -> None:
    kube = UnrulyKube(watches=[stream(event("SURPRISE", resource("x", 3)), ADDED, then="silence")])
    stage = await play(kube)
    await stage.audience.until_changed("vm")


REFUSALS = {
    "a token that is not accepted": (refused(401, "Unauthorized"), "Kubernetes answered 401: Unauthorized"),
    "a role that does not suffice": (
        refused(403, "may not list"),
        "Kubernetes answered 403: may not list",
    ),
    "a definition that is not installed": (
        refused(404, "404 page not found"),
        "CRD computeinstances.cloudkit.openshift.io is not installed: kubectl apply -f deploy/crd",
    ),
    "a server that is overloaded": (refused(429, "slow down"), "Kubernetes answered 429: slow down"),
    "a proxy with a page of its own": (html(502), "Kubernetes answered 502: <h1>proxy</h1>"),
    "a login page": (html(200), "Kubernetes answered with text/html"),
}


@pytest.mark.parametrize(("script", "because"), REFUSALS.values(), ids=REFUSALS)
async def test_a_list_that_is_refused_is_told_and_asked_for_until_it_works(
    play: Play, script: Callable[[web.Request], Awaitable[web.StreamResponse]], because: str
) -> None:
    release = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        return await (page(version=1) if release.is_set() else script)(request)

    kube = UnrulyKube(lists=[answer])
    stage = await play(kube)
    await stage.until(lambda: "kubernetes" in stage.health.parts())
    assert stage.health.parts()["kubernetes"] == because
    release.set()
    await stage.audience.until(Listed)
    assert stage.health.parts()["kubernetes"] == "ok"


async def test_a_server_that_is_away_is_waited_for(tmp_path: Path) -> None:
    kube = UnrulyKube()
    async with serving(kube):
        pass
    kubeconfig = write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{kube.port}")
    clock, health = ImpatientClock(), Health()
    async with connect_kube({"KUBECONFIG": str(kubeconfig)}) as client:
        feed = KubeFeed(client, health=health, clock=clock, random=Random(1))
        async with listening_to(feed) as audience:
            stage = Stage(audience, clock, health)
            await stage.until(lambda: not health.ready and bool(health.parts()))
            assert "cannot connect to Kubernetes" in health.parts()["kubernetes"]
            async with serving(kube):
                await audience.until(Listed)
                assert health.ready
