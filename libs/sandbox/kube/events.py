"""Events, which v1 and events.k8s.io/v1 share: one is stored, as v1 has it, and shown under either's names.

The rules are those of Kubernetes 1.32 (``pkg/apis/core/validation/events.go``); some servers before it do
not apply those for updates. What is wrong with a field is said under its name in v1, also to events.k8s.io.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sandbox.kube.errors import REQUIRED, Cause

Event = dict[str, Any]

CORE, NEW = "", "events.k8s.io"
API_VERSIONS = {CORE: "v1", NEW: "events.k8s.io/v1"}

NEW_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "count": "deprecatedCount",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "source": "deprecatedSource",
}
CORE_NAMES = {new: core for core, new in NEW_NAMES.items()}

ALWAYS_SHOWN: dict[str, Any] = {
    "involvedObject": {},
    "source": {},
    "firstTimestamp": None,
    "lastTimestamp": None,
    "eventTime": None,
    "reportingComponent": "",
    "reportingInstance": "",
}
MAY_BE_LEFT_OUT = {NEW: ("reportingComponent", "reportingInstance")}
"""The fields of `ALWAYS_SHOWN` that a group does not show when they are empty."""

LONGEST = {"reportingInstance": 128, "action": 128, "reason": 128, "message": 1024}  # bytes
UNSET = ("firstTimestamp", "lastTimestamp", "count", "source")
FIXED = (
    "involvedObject",
    *("reason", "message", "source", "firstTimestamp", "lastTimestamp", "count", "type"),
    *("eventTime", "action", "related", "reportingComponent", "reportingInstance"),
)
QUALIFIED_NAME = re.compile(
    r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)


def stored(event: Event) -> Event:
    """*event*, of either group, under the names of v1 and without what is empty."""
    named = {CORE_NAMES.get(name, name): value for name, value in event.items()}
    return {name: value for name, value in named.items() if value not in (None, "", 0, {})}


def shown(event: Event, group: str) -> Event:
    """What is stored as *event*, as *group* shows it."""
    left_out = MAY_BE_LEFT_OUT.get(group, ())
    empty = {name: value for name, value in ALWAYS_SHOWN.items() if name not in left_out}
    whole = {**empty, **event, "apiVersion": API_VERSIONS[group]}
    return {NEW_NAMES.get(name, name): value for name, value in whole.items()} if group == NEW else whole


def unreadable_time(event: Event) -> str:
    """The time among those with microseconds that is not written as Kubernetes demands, or nothing."""
    series = event.get("series") or {}
    for time in (event.get("eventTime"), series.get("lastObservedTime")):
        if time and not _is_micro_time(time):
            return str(time)
    return ""


def problems(event: Event, before: Event | None, namespace: str, group: str) -> Iterator[Cause]:
    """What is wrong with *event*, to be stored in place of *before* (None: there is none)."""
    yield from _nonsense(event, namespace, group)
    if group == CORE:
        return
    if before is None or event.get("series") != before.get("series"):
        yield from _wrong_series(event.get("series"))
    if before is None:
        yield from _wrong_beginning(event)
    else:
        yield from _changed(event, before)


def _nonsense(event: Event, namespace: str, group: str) -> Iterator[Cause]:
    about = event.get("involvedObject", {}).get("namespace", "")
    if not event.get("eventTime"):
        if (about or "default") != namespace:
            yield Cause(
                "involvedObject.namespace", f'Invalid value: "{about}": does not match event.namespace'
            )
        return
    if not about and namespace not in ("default", "kube-system"):
        yield Cause("involvedObject.namespace", 'Invalid value: "": does not match event.namespace')
    controller = "reportingController" if group == NEW else "reportingComponent"
    if not event.get("reportingComponent"):
        yield Cause(controller, "Required value", REQUIRED)
    elif not QUALIFIED_NAME.fullmatch(event["reportingComponent"]):
        yield Cause(controller, f'Invalid value: "{event["reportingComponent"]}": must be a qualified name')
    for field in ("reportingInstance", "action", "reason"):
        if not event.get(field):
            yield Cause(field, "Required value", REQUIRED)
    for field, limit in LONGEST.items():
        if len(event.get(field, "").encode()) > limit:
            yield Cause(field, f'Invalid value: "": can have at most {limit} characters')


def _wrong_series(series: Event | None) -> Iterator[Cause]:
    if series is None:
        return
    if series.get("count", 0) < 2:
        yield Cause("series.count", 'Invalid value: "": should be at least 2')
    if not series.get("lastObservedTime"):
        yield Cause("series.lastObservedTime", "Required value", REQUIRED)


def _wrong_beginning(event: Event) -> Iterator[Cause]:
    if not event.get("eventTime"):
        yield Cause("eventTime", "Required value", REQUIRED)
    if event.get("type") not in ("Normal", "Warning"):
        yield Cause("type", f'Invalid value: "": has invalid value: {event.get("type", "")}')
    for field in UNSET:
        if field in event:
            yield Cause(field, 'Invalid value: "": needs to be unset')


def _changed(event: Event, before: Event) -> Iterator[Cause]:
    for name in FIXED:
        if event.get(name) != before.get(name):
            field = "reportingController" if name == "reportingComponent" else name
            yield Cause(field, f"Invalid value: {event.get(name)!r}: field is immutable")


def _is_micro_time(time: object) -> bool:
    try:
        datetime.strptime(str(time), "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        return False
    return re.search(r"\.\d{6}(Z|[+-]\d\d:\d\d)$", str(time)) is not None
