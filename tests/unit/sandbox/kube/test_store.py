"""What the store remembers, and how watchers are told."""

import asyncio
from typing import Any

import pytest

from sandbox.kube import store as remembering
from sandbox.kube.errors import ApiError
from sandbox.kube.objects import Key
from sandbox.kube.resources import Resource
from sandbox.kube.store import Change, ChangeType, Store
from sandbox.kube.subscriptions import Subscription

THINGS = Resource(plural="things", kind="Thing")
KEY = Key("", "x")


def thing(number: int) -> dict[str, Any]:
    return {"metadata": {"name": "x"}, "spec": number}


@pytest.fixture
def store() -> Store:
    return Store()


def test_changes_are_told_in_the_order_of_their_versions(store: Store) -> None:
    before = store.version
    for number in (1, 2):
        last = store.put(THINGS, KEY, thing(number))
    store.remove(THINGS, last)
    changes = store.of(THINGS.home).since(before)
    assert [change.type for change in changes] == [*ChangeType]
    assert [change.version for change in changes] == [before + 1, before + 2, before + 3]
    assert store.of(THINGS.home).since(before + 1) == changes[1:]


def test_the_past_is_the_present_with_later_changes_undone(store: Store) -> None:
    nothing = store.version
    one = store.put(THINGS, KEY, thing(1))
    two = store.put(THINGS, KEY, thing(2))
    store.remove(THINGS, two)
    things = store.of(THINGS.home)
    found = [things.as_of(version) for version in range(nothing, nothing + 4)]
    assert found == [{}, {KEY: one}, {KEY: two}, {}]


def test_only_so_many_changes_are_remembered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "REMEMBERED", 2)
    before = store.version
    for number in range(3):
        store.put(THINGS, KEY, thing(number))
    things = store.of(THINGS.home)
    assert things.forgotten == before + 1
    assert things.as_of(before + 1)[KEY].body["spec"] == 0
    with pytest.raises(ApiError, match="too old"):
        things.as_of(before)


def test_a_follower_may_write_in_turn(store: Store) -> None:
    other = Resource(plural="others", kind="Other")

    def follow(resource: Resource, change: Change) -> None:
        if resource is THINGS:
            store.put(other, change.key, thing(change.version))

    store.follow(follow)
    put = store.put(THINGS, KEY, thing(1))
    followed = store.get(other, KEY)
    assert followed
    assert (followed.body["spec"], followed.version) == (int(put.version), str(int(put.version) + 1))


async def test_a_burst_of_news_is_told_at_once() -> None:
    subscription: Subscription[int] = Subscription()
    waiting = asyncio.create_task(subscription.news(10))
    await asyncio.sleep(0)
    for number in range(3):
        subscription.tell(number)
    assert await waiting == [0, 1, 2]
    assert await subscription.news(0) == []


async def test_an_end_is_told_after_the_last_news_and_without_waiting() -> None:
    subscription: Subscription[int] = Subscription()
    subscription.tell(1)
    subscription.end()
    async with asyncio.timeout(1):
        assert await subscription.news(10) == [1]
        assert await subscription.news(10) == []
    assert subscription.has_ended
