"""The demo notices what is wrong, and shows what happens with and without a terminal."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from cloudkit.cli.demo.screen import Screen
from cloudkit.cli.demo.stories import STORIES
from cloudkit.cli.demo.verdict import Finding, judge
from cloudkit.cli.demo.world import describe
from cloudkit.contracts.instance import ComputeInstance, ComputeInstanceStatus, ObjectMeta, Phase
from cloudkit.contracts.jobs import JobRecord, JobState, JobType, Provider
from sandbox.aap.audit import AuditEntry, AuditEvent, violations
from sandbox.aap.machines import Machine

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def entry(event: AuditEvent, job: int, number: str) -> AuditEntry:
    return AuditEntry(sequence=job, at=NOON, event=event, job=job, name="vm", uid="u", cloudkit_job=number)


def ran(job: int, number: str) -> list[AuditEntry]:
    return [entry(AuditEvent.LAUNCH, job, number), entry(AuditEvent.FINISH, job, number)]


MACHINE = Machine(namespace="default", name="vm", uid="u", job=1, complete=True)
BAD = {
    "a machine that is left behind": ([MACHINE], ran(1, "a/1"), "machines left behind: default/vm (job 1)"),
    "a job that still runs": ([], [entry(AuditEvent.LAUNCH, 7, "a/1")], "jobs that still run: [7]"),
    "no job at all": ([], [], "0 jobs ran"),
    "a job that was launched twice": ([], ran(1, "a/1") + ran(2, "a/1"), "launched more than once: ['a/1']"),
    "two jobs side by side": (
        [],
        [entry(AuditEvent.LAUNCH, 1, "a/1"), *ran(2, "a/2"), entry(AuditEvent.FINISH, 1, "a/1")],
        "two jobs of one name (job 2 beside [1])",
    ),
}


@pytest.mark.parametrize(("machines", "audit", "told"), BAD.values(), ids=BAD)
def test_the_demo_notices(machines: list[Machine], audit: list[AuditEntry], told: str) -> None:
    assert told in "\n".join(
        finding.text for finding in judge(machines, audit, violations(audit)) if not finding.good
    )


def test_the_demo_is_content_when_all_went_well() -> None:
    findings = judge([], ran(1, "a/1") + ran(2, "a/2"), [])
    assert all(finding.good for finding in findings)
    assert Finding(True, "2 jobs ran, and all have ended") in findings


def instance(phase: Phase, state: JobState) -> ComputeInstance:
    job = JobRecord(
        type=JobType.PROVISION,
        state=state,
        timestamp=NOON,
        block_deletion_on_failure=True,
        job_id="4711",
        message="Job running",
    )
    return ComputeInstance(
        metadata=ObjectMeta(name="web", namespace="default", uid="u", creation_timestamp=NOON),
        status=ComputeInstanceStatus(phase=phase, jobs=(job,)),
    )


RUNS = instance(Phase.PROGRESSING, JobState.RUNNING)
READY = instance(Phase.READY, JobState.SUCCEEDED)


def test_without_a_terminal_each_change_is_one_plain_line() -> None:
    output = io.StringIO()
    screen = Screen(Console(file=output, width=40), STORIES[Provider.AAP])
    with screen.on():
        for seen in ({}, {"web": RUNS}, {"web": RUNS}, {"web": READY}, {}, {}):
            screen.show(seen)
    lines = [line[9:].split(maxsplit=2) for line in output.getvalue().splitlines()]
    assert lines == [
        ["web", "Progressing", "provision 4711 Running"],
        ["web", "Ready", "provision 4711 Succeeded"],
        ["web", "gone", "provision 4711"],
    ]
    assert "\x1b" not in output.getvalue()


def test_on_a_terminal_there_is_one_table_with_every_instance() -> None:
    output = io.StringIO()
    screen = Screen(Console(file=output, width=120, force_terminal=True), STORIES[Provider.AAP])
    with screen.on():
        screen.show({"web": RUNS})
    last_frame = output.getvalue()
    for shown in ("provision 4711 Running", "Job running", *(story.name for story in STORIES[Provider.AAP])):
        assert shown in last_frame


def test_how_an_instance_stands_is_told_in_a_few_words() -> None:
    assert describe(RUNS) == "Progressing, provision 4711 Running"
    assert describe(None) == "not there"


def test_a_job_that_eda_launched_twice_is_noticed_though_it_has_no_number() -> None:
    findings = judge([], ran(1, "") + ran(2, ""), [])
    assert Finding(False, "launched more than once: ['other of /vm']") in findings
