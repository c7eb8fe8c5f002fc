"""Events in both API groups: how one shows in the other, and what a server refuses."""

from typing import Any

import pytest

from contract.kubernetes.client import NAMESPACES, STRATEGIC_PATCH, Client

TIME = "2026-01-02T03:04:05.678901Z"
LATER = "2026-01-02T04:05:06.789012Z"


def core_events(namespace: str) -> str:
    return f"{NAMESPACES}/{namespace}/events"


def new_events(namespace: str) -> str:
    return f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"


def event(namespace: str, about: str, **more: object) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{about}."},
        "involvedObject": {"kind": "Specimen", "name": about, "namespace": namespace},
        "reason": "Started",
        "message": "The machine has started.",
        "type": "Normal",
        **more,
    }


def new_event(namespace: str, name: str, **more: object) -> dict[str, Any]:
    """Of events.k8s.io; None leaves a field out."""
    body = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name},
        "regarding": {"kind": "Specimen", "name": name, "namespace": namespace},
        "reason": "Started",
        "note": "The machine has started.",
        "type": "Normal",
        "action": "Start",
        "eventTime": TIME,
        "reportingController": "example.com/ctl",
        "reportingInstance": "ctl-1",
        **more,
    }
    return {field: value for field, value in body.items() if value is not None}


async def test_a_core_event_is_created_and_counted_up_with_a_patch(
    client: Client, namespace: str, name: str
) -> None:
    path = core_events(namespace)
    created = (await client.post(path, event(namespace, name, count=1))).expect(201)
    patch = {"count": 2, "lastTimestamp": "2026-01-02T03:04:05Z"}
    target = f"{path}/{created['metadata']['name']}"
    answer = await client.patch(target, patch, content_type=STRATEGIC_PATCH)
    assert answer.expect(200)["count"] == 2


async def test_a_core_event_must_be_in_the_namespace_of_its_object(
    client: Client, namespace: str, name: str
) -> None:
    answer = await client.post(core_events(namespace), event("default", name))
    answer.failure(422, "Invalid")
    assert answer.causes() == {"involvedObject.namespace": "FieldValueInvalid"}


async def test_a_core_event_shows_in_the_new_group_under_other_names(
    client: Client, namespace: str, name: str
) -> None:
    body = event(namespace, name, count=3, source={"component": "ctl"})
    created = (await client.post(core_events(namespace), body)).expect(201)
    path = f"{new_events(namespace)}/{created['metadata']['name']}"
    seen = (await client.get(path)).expect(200)
    assert seen["apiVersion"] == "events.k8s.io/v1"
    assert seen["regarding"]["name"] == name
    assert seen["note"] == "The machine has started."
    assert seen["deprecatedCount"] == 3
    assert seen["deprecatedSource"] == {"component": "ctl"}
    assert seen["metadata"]["uid"] == created["metadata"]["uid"]


async def test_a_new_event_shows_in_the_core_group_under_other_names(
    client: Client, namespace: str, name: str
) -> None:
    (await client.post(new_events(namespace), new_event(namespace, name))).expect(201)
    seen = (await client.get(f"{core_events(namespace)}/{name}")).expect(200)
    assert without_metadata(seen) == {
        "apiVersion": "v1",
        "kind": "Event",
        "involvedObject": {"kind": "Specimen", "name": name, "namespace": namespace},
        "reason": "Started",
        "message": "The machine has started.",
        "type": "Normal",
        "action": "Start",
        "eventTime": TIME,
        "reportingComponent": "example.com/ctl",
        "reportingInstance": "ctl-1",
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
    }


async def test_a_new_event_shows_as_it_was_written_and_what_it_lacks_of_the_former_fields(
    client: Client, namespace: str, name: str
) -> None:
    body = new_event(namespace, name)
    (await client.post(new_events(namespace), body)).expect(201)
    seen = (await client.get(f"{new_events(namespace)}/{name}")).expect(200)
    former: dict[str, Any] = {
        "deprecatedSource": {},
        "deprecatedFirstTimestamp": None,
        "deprecatedLastTimestamp": None,
    }
    assert without_metadata(seen) == without_metadata(body) | former


async def test_a_core_event_that_says_little_shows_what_it_does_not_say(
    client: Client, namespace: str
) -> None:
    about = {"kind": "Specimen", "name": "vm", "namespace": namespace}
    body = {"metadata": {"generateName": "vm."}, "involvedObject": about}
    created = (await client.post(core_events(namespace), body)).expect(201)
    assert without_metadata(created) == {
        "apiVersion": "v1",
        "kind": "Event",
        "involvedObject": about,
        "eventTime": None,
        "reportingComponent": "",
        "reportingInstance": "",
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
    }
    seen = (await client.get(f"{new_events(namespace)}/{created['metadata']['name']}")).expect(200)
    assert without_metadata(seen) == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "regarding": about,
        "eventTime": None,
        "deprecatedSource": {},
        "deprecatedFirstTimestamp": None,
        "deprecatedLastTimestamp": None,
    }


async def test_a_series_is_counted_up_with_a_patch_and_shows_in_both_groups(
    client: Client, namespace: str, name: str
) -> None:
    created = (await client.post(new_events(namespace), new_event(namespace, name))).expect(201)
    series = {"count": 2, "lastObservedTime": LATER}
    patch = {"metadata": {"resourceVersion": created["metadata"]["resourceVersion"]}, "series": series}
    target = f"{new_events(namespace)}/{name}"
    patched = (await client.patch(target, patch)).expect(200)
    assert without_metadata(patched) == without_metadata(created) | {"series": series}
    assert (await client.get(f"{core_events(namespace)}/{name}")).expect(200)["series"] == series
    (await client.patch(target, patch)).failure(409, "Conflict")


async def test_a_name_that_is_taken_is_refused_as_such(client: Client, namespace: str, name: str) -> None:
    (await client.post(new_events(namespace), new_event(namespace, name))).expect(201)
    (await client.post(new_events(namespace), new_event(namespace, name))).failure(409, "AlreadyExists")


async def test_an_event_in_a_namespace_that_does_not_exist_is_not_found(client: Client, name: str) -> None:
    answer = await client.post(new_events("nowhere"), new_event("nowhere", name))
    assert answer.failure(404, "NotFound")["details"]["name"] == "nowhere"


ACCEPTED: dict[str, dict[str, Any]] = {
    "no note": {"note": None},
    "a note of 1,024 bytes": {"note": "x" * 1024},
    "a series from the beginning": {"series": {"count": 2, "lastObservedTime": TIME}},
    "a time with an offset": {"eventTime": TIME.replace("Z", "+00:00")},
    "an object of another namespace": {"regarding": {"kind": "Node", "name": "n", "namespace": "default"}},
}


@pytest.mark.parametrize("more", ACCEPTED.values(), ids=ACCEPTED)
async def test_a_new_event_may_have(client: Client, namespace: str, name: str, more: dict[str, Any]) -> None:
    (await client.post(new_events(namespace), new_event(namespace, name, **more))).expect(201)


INVALID, REQUIRED = "FieldValueInvalid", "FieldValueRequired"
REFUSED: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "no time": ({"eventTime": None}, {"eventTime": REQUIRED}),
    "no action": ({"action": None}, {"action": REQUIRED}),
    "no reason": ({"reason": None}, {"reason": REQUIRED}),
    "no reporter": ({"reportingInstance": None}, {"reportingInstance": REQUIRED}),
    "a controller that is no qualified name": (
        {"reportingController": "a b"},
        {"reportingController": INVALID},
    ),
    "a reporter of 129 bytes": ({"reportingInstance": "x" * 129}, {"reportingInstance": INVALID}),
    "an action of 129 bytes": ({"action": "x" * 129}, {"action": INVALID}),
    "a reason of 129 bytes": ({"reason": "x" * 129}, {"reason": INVALID}),
    "a note of 1,026 bytes in 513 letters": ({"note": "ä" * 513}, {"message": INVALID}),
    "no type": ({"type": None}, {"type": INVALID}),
    "an odd type": ({"type": "Error"}, {"type": INVALID}),
    "a former count": ({"deprecatedCount": 1}, {"count": INVALID}),
    "a former first time": (
        {"deprecatedFirstTimestamp": "2026-01-02T03:04:05Z"},
        {"firstTimestamp": INVALID},
    ),
    "a former last time": ({"deprecatedLastTimestamp": "2026-01-02T03:04:05Z"}, {"lastTimestamp": INVALID}),
    "a former source": ({"deprecatedSource": {"component": "ctl"}}, {"source": INVALID}),
    "a series of one": ({"series": {"count": 1, "lastObservedTime": TIME}}, {"series.count": INVALID}),
    "a series without a time": ({"series": {"count": 2}}, {"series.lastObservedTime": REQUIRED}),
    "an object without a namespace": (
        {"regarding": {"kind": "Node", "name": "n"}},
        {"involvedObject.namespace": INVALID},
    ),
}


@pytest.mark.parametrize(("more", "causes"), REFUSED.values(), ids=REFUSED)
async def test_a_new_event_is_refused_for(
    client: Client, namespace: str, name: str, more: dict[str, Any], causes: dict[str, str]
) -> None:
    answer = await client.post(new_events(namespace), new_event(namespace, name, **more))
    answer.failure(422, "Invalid")
    assert answer.causes() == causes


@pytest.mark.parametrize("time", ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678Z"])
async def test_the_time_of_an_event_needs_six_digits_after_the_seconds(
    client: Client, namespace: str, name: str, time: str
) -> None:
    answer = await client.post(new_events(namespace), new_event(namespace, name, eventTime=time))
    answer.failure(400, "BadRequest")


CHANGES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "the note": ({"note": "Something else."}, {"message": INVALID}),
    "the type": ({"type": "Warning"}, {"type": INVALID}),
    "the reason": ({"reason": "Stopped"}, {"reason": INVALID}),
    "the action": ({"action": "Stop"}, {"action": INVALID}),
    "the time": ({"eventTime": LATER}, {"eventTime": INVALID}),
    "the object": ({"regarding": {"name": "other"}}, {"involvedObject": INVALID}),
    "the reporter": ({"reportingInstance": "ctl-2"}, {"reportingInstance": INVALID}),
    "the controller": ({"reportingController": "example.com/x"}, {"reportingController": INVALID}),
    "the series to one of one": (
        {"series": {"count": 1, "lastObservedTime": LATER}},
        {"series.count": INVALID},
    ),
}
STRICT_SINCE = 21
"""Minor version: Kubernetes 1.20 lets all of it be changed through events.k8s.io, against its own intent."""


@pytest.mark.parametrize(("change", "causes"), CHANGES.values(), ids=CHANGES)
async def test_a_new_event_cannot_be_changed_in(
    client: Client, namespace: str, name: str, change: dict[str, Any], causes: dict[str, str]
) -> None:
    minor = (await client.get("/version")).expect(200)["minor"]
    if int(minor.rstrip("+")) < STRICT_SINCE:
        pytest.skip(f"Kubernetes 1.{minor} does not check changes of events")
    (await client.post(new_events(namespace), new_event(namespace, name))).expect(201)
    answer = await client.patch(f"{new_events(namespace)}/{name}", change)
    answer.failure(422, "Invalid")
    assert answer.causes() == causes


async def test_events_are_found_by_the_object_they_are_about(
    client: Client, namespace: str, name: str, other_name: str
) -> None:
    for about in (name, other_name):
        (await client.post(core_events(namespace), event(namespace, about))).expect(201)
    selector = f"involvedObject.name={name},involvedObject.kind=Specimen,type=Normal"
    answer = await client.get(core_events(namespace), fieldSelector=selector)
    items = answer.expect(200)["items"]
    assert [item["involvedObject"]["name"] for item in items] == [name]


def without_metadata(event: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in event.items() if field != "metadata"}
