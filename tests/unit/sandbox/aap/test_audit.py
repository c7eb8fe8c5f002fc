"""Which launches break a rule."""

from datetime import UTC, datetime

import pytest

from sandbox.aap.audit import AuditEntry, AuditEvent, violations
from sandbox.aap.subjects import Purpose

LAUNCH, FINISH, PURGE, RESTORE = (
    AuditEvent.LAUNCH,
    AuditEvent.FINISH,
    AuditEvent.PURGE,
    AuditEvent.RESTORE,
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def entry(
    event: AuditEvent,
    job: int = 0,
    *,
    name: str = "vm",
    uid: str = "u1",
    number: int = 0,
    purpose: Purpose = Purpose.PROVISION,
    parent: int = 0,
) -> AuditEntry:
    return AuditEntry(
        sequence=0,
        at=NOW,
        event=event,
        job=job,
        namespace="ns",
        name=name,
        uid=uid,
        purpose=purpose,
        cloudkit_job=f"ns/{name}/{uid}/{number or job}",
        parent=parent,
    )


def removal(job: int, *, uid: str = "u1") -> AuditEntry:
    return entry(LAUNCH, job, uid=uid, purpose=Purpose.DEPROVISION)


CASES = {
    "one job after the other is right": (
        [entry(LAUNCH, 1), entry(FINISH, 1), entry(LAUNCH, 2), entry(FINISH, 2)],
        [],
    ),
    "two names side by side are right": ([entry(LAUNCH, 1), entry(LAUNCH, 2, name="other")], []),
    "two jobs of one name side by side are not": (
        [entry(LAUNCH, 1), entry(LAUNCH, 2)],
        ["two jobs of one name"],
    ),
    "not even of two uids": (
        [entry(LAUNCH, 1), entry(LAUNCH, 2, uid="u2")],
        ["two jobs of one name"],
    ),
    "a purged job no longer runs": ([entry(LAUNCH, 1), entry(PURGE, 1), entry(LAUNCH, 2)], []),
    "nor do those that a restored controller forgot": (
        [entry(LAUNCH, 1), entry(RESTORE, name=""), entry(LAUNCH, 1, number=2)],
        [],
    ),
    "the nodes of a workflow are part of it": ([entry(LAUNCH, 1), entry(LAUNCH, 2, parent=1)], []),
    "a number may be launched once": (
        [entry(LAUNCH, 1), entry(FINISH, 1), entry(LAUNCH, 2, number=1)],
        ["a job number launched twice"],
    ),
    "not even ids that start over hide the second": (
        [entry(LAUNCH, 1), entry(RESTORE, name=""), entry(LAUNCH, 1)],
        ["a job number launched twice"],
    ),
    "a deprovision after the provision is right": (
        [entry(LAUNCH, 1), entry(FINISH, 1), removal(2)],
        [],
    ),
    "a provision after the deprovision is not": (
        [removal(1), entry(FINISH, 1), entry(LAUNCH, 2)],
        ["provisioned after its deprovision"],
    ),
    "the next life of the name may be provisioned": (
        [removal(1), entry(FINISH, 1), entry(LAUNCH, 2, uid="u2")],
        [],
    ),
}


@pytest.mark.parametrize(("entries", "rules"), CASES.values(), ids=CASES)
def test_violations(entries: list[AuditEntry], rules: list[str]) -> None:
    assert [violation.rule for violation in violations(entries)] == rules
