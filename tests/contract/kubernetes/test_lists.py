"""Lists: paging, selectors and consistency."""

from collections.abc import Awaitable, Callable

import pytest

from contract.kubernetes.client import NAMESPACES, Client
from contract.kubernetes.specimens import API_VERSION, PLURAL, Specimens


@pytest.fixture
async def labelled(own_specimens: Specimens) -> Specimens:
    """Three objects: gold in the east, gold in the west, and one without labels."""
    await own_specimens.create("a", labels={"tier": "gold", "region": "east"})
    await own_specimens.create("b", {"size": "large"}, labels={"tier": "gold", "region": "west"})
    await own_specimens.create("c")
    return own_specimens


async def test_a_list_has_its_own_kind_and_a_resource_version(own_specimens: Specimens) -> None:
    created = await own_specimens.create("a")
    body = await own_specimens.list()
    assert (body["apiVersion"], body["kind"]) == (API_VERSION, "SpecimenList")
    version = int(body["metadata"]["resourceVersion"])
    assert version >= int(created["metadata"]["resourceVersion"])
    assert body["items"] == [created]


async def test_an_empty_list_has_an_empty_array_of_items(own_specimens: Specimens) -> None:
    assert (await own_specimens.list())["items"] == []


async def test_a_list_in_a_missing_namespace_is_empty_and_no_error(client: Client, name: str) -> None:
    assert await Specimens(client, name).names() == []


async def test_items_of_built_in_kinds_do_not_repeat_kind_and_api_version(
    client: Client, empty_namespace: str
) -> None:
    path = f"{NAMESPACES}/{empty_namespace}/secrets"
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}
    (await client.post(path, body)).expect(201)
    answer = (await client.get(path)).expect(200)
    assert answer["kind"] == "SecretList"
    assert "kind" not in answer["items"][0]
    assert "apiVersion" not in answer["items"][0]


async def test_a_list_is_sorted_by_namespace_and_name(
    client: Client, own_specimens: Specimens, specimens: Specimens, name: str
) -> None:
    for each in ("c", "a", "b"):
        await own_specimens.create(f"{name}-{each}", labels={"run": name})
    await specimens.create(f"{name}-d", labels={"run": name})
    answer = await client.get(f"/apis/{API_VERSION}/{PLURAL}", labelSelector=f"run={name}")
    items = answer.expect(200)["items"]
    found = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in items]
    assert len(found) == 4
    assert found == sorted(found)


async def test_limit_cuts_a_list_into_pages(own_specimens: Specimens) -> None:
    for number in range(5):
        await own_specimens.create(f"vm-{number}")
    first = await own_specimens.list(limit="2")
    second = await own_specimens.list(limit="2", **{"continue": first["metadata"]["continue"]})
    third = await own_specimens.list(limit="2", **{"continue": second["metadata"]["continue"]})
    pages = [[item["metadata"]["name"] for item in page["items"]] for page in (first, second, third)]
    assert pages == [["vm-0", "vm-1"], ["vm-2", "vm-3"], ["vm-4"]]
    assert first["metadata"]["remainingItemCount"] == 3
    assert not third["metadata"].get("continue")
    assert "remainingItemCount" not in third["metadata"]


async def test_all_pages_show_the_state_at_the_first_page(client: Client, own_specimens: Specimens) -> None:
    for name in ("a", "b", "d"):
        await own_specimens.create(name)
    first = await own_specimens.list(limit="1")
    await own_specimens.create("c")
    (await client.delete(own_specimens.at("b"))).expect(200)
    rest = await own_specimens.list(**{"continue": first["metadata"]["continue"]})
    assert [item["metadata"]["name"] for item in rest["items"]] == ["b", "d"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_a_continue_token_that_makes_no_sense_is_400(client: Client, specimens: Specimens) -> None:
    answer = await client.get(specimens.path, **{"continue": "garbage"})
    answer.failure(400, "BadRequest")


async def test_a_continue_token_from_before_a_compaction_is_410_expired(
    client: Client, own_specimens: Specimens, compact: Callable[[], Awaitable[None]]
) -> None:
    await own_specimens.create("a")
    await own_specimens.create("b")
    first = await own_specimens.list(limit="1")
    await own_specimens.create("c")
    await compact()
    token = first["metadata"]["continue"]
    answer = await client.get(own_specimens.path, **{"continue": token})
    error = answer.failure(410, "Expired")
    assert error["metadata"]["continue"], "a token to go on with, at the price of consistency"


async def test_an_exact_version_shows_the_past(own_specimens: Specimens) -> None:
    version = (await own_specimens.create("a"))["metadata"]["resourceVersion"]
    await own_specimens.create("b")
    query = {"resourceVersion": version, "resourceVersionMatch": "Exact"}
    assert await own_specimens.names(**query) == ["a"]


async def test_a_version_from_the_future_is_504_and_may_be_tried_again(
    client: Client, own_specimens: Specimens
) -> None:
    version = int(await own_specimens.resource_version()) + 1_000_000
    answer = await client.get(own_specimens.path, resourceVersion=str(version))
    error = answer.failure(504, "Timeout")
    assert error["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert error["details"]["retryAfterSeconds"] == 1


async def test_a_version_match_without_a_version_is_422(client: Client, specimens: Specimens) -> None:
    answer = await client.get(specimens.path, resourceVersionMatch="Exact")
    answer.failure(422, "Invalid")


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("tier=gold", ["a", "b"]),
        ("tier==gold", ["a", "b"]),
        ("tier!=gold", ["c"]),
        ("region in (east, west)", ["a", "b"]),
        ("region notin (east)", ["b", "c"]),
        ("region", ["a", "b"]),
        ("!region", ["c"]),
        ("tier=gold,region=west", ["b"]),
        ("region=", []),
    ],
)
async def test_label_selectors(labelled: Specimens, selector: str, expected: list[str]) -> None:
    assert await labelled.names(labelSelector=selector) == expected


async def test_a_label_selector_that_makes_no_sense_is_400(client: Client, specimens: Specimens) -> None:
    answer = await client.get(specimens.path, labelSelector="a=b=c")
    answer.failure(400, "BadRequest")


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("metadata.name=b", ["b"]),
        ("metadata.name!=b", ["a", "c"]),
        ("spec.size=large", ["b"]),
        ("spec.size!=large,metadata.name!=c", ["a"]),
    ],
)
async def test_field_selectors(labelled: Specimens, selector: str, expected: list[str]) -> None:
    assert await labelled.names(fieldSelector=selector) == expected


async def test_a_field_that_is_not_selectable_is_400(client: Client, specimens: Specimens) -> None:
    error = (await client.get(specimens.path, fieldSelector="spec.cores=2")).failure(400, "BadRequest")
    assert "field label not supported: spec.cores" in error["message"]
