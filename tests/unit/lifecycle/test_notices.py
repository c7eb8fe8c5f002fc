"""What people hear of, when one status turns into another."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.instance import (
    MANAGEMENT_ANNOTATION,
    PAUSED_ANNOTATION,
    RETRY_ANNOTATION,
    ComputeInstance,
)
from cloudkit.contracts.jobs import JobState
from cloudkit.contracts.notices import Notice, NoticeType
from cloudkit.lifecycle.notices import (
    DELETING,
    ENDED,
    EXPECTED,
    JOB_ENDED,
    LAUNCHED,
    MAX_NOTE_BYTES,
    RELEASED,
    RESTARTED,
    RESUMED,
    notices,
    released,
)
from cloudkit.lifecycle.project import project
from unit.lifecycle.specimens import (
    NOW,
    POLICY,
    B,
    delayed,
    deprovision,
    happened,
    instance,
    provision,
    reported,
)

SUCCEEDED, RUNNING, FAILED = JobState.SUCCEEDED, JobState.RUNNING, JobState.FAILED
CANCELED, UNKNOWN, PENDING = JobState.CANCELED, JobState.UNKNOWN, JobState.PENDING
PAUSED = {PAUSED_ANNOTATION: "true"}

READY = reported(instance(provision()))
AT_WORK = reported(instance(provision(state=RUNNING)))
BROKEN = reported(instance(provision(state=FAILED)))
GOING = reported(instance(provision(), deleting=True))
STOPPING = reported(instance(provision(state=RUNNING), deleting=True))


def now_is(before: ComputeInstance, **fields: object) -> ComputeInstance:
    """*before*, with the metadata and spec of an instance made of *fields*: what a person changed."""
    changed = instance(**fields)  # type: ignore[arg-type]  # each a keyword of `instance`
    return replace(before, metadata=changed.metadata, spec=changed.spec)


CASES: dict[str, tuple[ComputeInstance, tuple[JobEvent, ...], list[str]]] = {
    "nothing new is not told": (READY, (), []),
    "a new instance is not told of before there is a job": (instance(), (), []),
    "a launch": (reported(instance()), (happened(provision(state=PENDING)),), ["Normal JobLaunched"]),
    "a job that goes on is not told": (AT_WORK, (happened(provision(state=RUNNING, revision=4)),), []),
    "a success": (AT_WORK, (happened(provision(revision=4)),), ["Normal Provisioned"]),
    "a launch and its end, told at once": (
        reported(instance()),
        (happened(provision()),),
        ["Normal JobLaunched", "Normal Provisioned"],
    ),
    "a failure, and what comes next": (
        AT_WORK,
        (happened(provision(state=FAILED, revision=4)),),
        ["Warning ProvisionFailed", "Normal BackingOff"],
    ),
    "the last failure, and who has to do something": (
        reported(instance(provision(state=RUNNING, attempt=5))),
        (happened(provision(state=FAILED, attempt=5, revision=4)),),
        ["Warning ProvisionFailed", "Warning AttemptsUsedUp"],
    ),
    "a job canceled by a person": (
        AT_WORK,
        (happened(provision(state=CANCELED, revision=4)),),
        ["Warning ProvisionCanceled", "Warning Canceled"],
    ),
    "a job canceled for a deletion is as it should be": (
        STOPPING,
        (happened(provision(state=CANCELED, revision=4)),),
        ["Normal ProvisionCanceled"],
    ),
    "a deletion": (now_is(READY, deleting=True), (), ["Normal Deleting"]),
    "a removal": (GOING, (happened(deprovision(2)),), ["Normal JobLaunched", "Normal Deprovisioned"]),
    "a removal that failed": (
        GOING,
        (happened(deprovision(2, FAILED)),),
        ["Normal JobLaunched", "Warning DeprovisionFailed", "Normal BackingOff"],
    ),
    "why nothing can be launched": (
        reported(instance()),
        (delayed(provision()),),
        ["Warning TemplateNotFound"],
    ),
    "a pause": (now_is(BROKEN, annotations=PAUSED), (), ["Normal Paused"]),
    "the end of a pause": (
        now_is(reported(instance(provision(), spec=B, annotations=PAUSED)), spec=B),
        (),
        ["Normal Resumed"],
    ),
    "an annotation that nobody understands": (
        now_is(READY, annotations={PAUSED_ANNOTATION: "perhaps"}),
        (),
        ["Warning InvalidAnnotation"],
    ),
    "a machine that people look after": (
        now_is(READY, spec=B, annotations={MANAGEMENT_ANNOTATION: "unmanaged"}),
        (),
        ["Normal Unmanaged"],
    ),
    "a machine of before is not told of when we come": (instance(provision()), (), []),
    "somebody asks again": (now_is(BROKEN, annotations={RETRY_ANNOTATION: "now"}), (), []),
}


@pytest.mark.parametrize(("before", "events", "expected"), CASES.values(), ids=CASES)
def test_what_is_told(before: ComputeInstance, events: tuple[JobEvent, ...], expected: list[str]) -> None:
    assert [f"{one.type} {one.reason}" for one in told(before, *events)] == expected


@pytest.mark.parametrize(("before", "events"), [case[:2] for case in CASES.values()], ids=CASES)
def test_nothing_is_told_twice(before: ComputeInstance, events: tuple[JobEvent, ...]) -> None:
    after = replace(before, status=project(before, events, NOW, POLICY))
    assert told(after, *events) == ()


def test_a_job_is_called_by_the_number_that_aap_gave_it() -> None:
    launched, ended = told(reported(instance()), happened(provision(job_id="4711")))
    assert launched.note == "Provision job 4711 was launched (attempt 1)"
    assert ended.note == "Provision job 4711: Job succeeded"


def test_a_restart_is_told_once_it_is_done() -> None:
    spec = {"name": "vm", "vcpu": 2, "restartRequestedAt": "2026-01-02T11:00:00Z"}
    asked = instance(provision(), spec=spec)
    wanted = asked.restart_requested_at
    restarted = happened(provision(2, restart_requested_at=wanted))
    assert [one.reason for one in told(reported(asked), restarted)] == [
        "Restarted",
        "JobLaunched",
        "Provisioned",
    ]


def test_whoever_holds_it_still_is_named_when_we_let_go() -> None:
    assert released(["others/finalizer"]).note.endswith("it still waits for others/finalizer")
    assert "waits" not in released([]).note


def test_no_note_is_longer_than_kubernetes_takes() -> None:
    failed = happened(provision(state=FAILED, message="disk full " * 200, revision=4))
    assert all(len(notice.note.encode()) <= MAX_NOTE_BYTES for notice in told(AT_WORK, failed))


def test_an_end_that_no_word_fits_is_told_all_the_same() -> None:
    notice, *_ = told(AT_WORK, happened(provision(state=RUNNING, finished_at=NOW, revision=4)))
    assert (notice.type, notice.reason) == (NoticeType.WARNING, "JobEnded")


def test_every_reason_stands_on_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "describe.md").read_text()
    words = {*ENDED.values(), LAUNCHED, DELETING, RELEASED, RESTARTED, RESUMED, JOB_ENDED, *EXPECTED}
    assert (
        set(re.findall(r"`([A-Z][A-Za-z]+)`", re.sub(r"^\| any other .*", "", page, flags=re.MULTILINE)))
        >= words
    )
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == words - EXPECTED


def told(before: ComputeInstance, *events: JobEvent) -> tuple[Notice, ...]:
    return notices(before, project(before, events, NOW, POLICY))
