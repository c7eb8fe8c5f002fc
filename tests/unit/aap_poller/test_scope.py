"""Which of the jobs that AAP cannot list belong on a list."""

from datetime import UTC, datetime, timedelta

import pytest

from aap_poller.reading import LONG_AGO
from aap_poller.rows import Row
from aap_poller.scope import Scope
from cloudkit.contracts.jobs import JobKind

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OURS, ANOTHER = 31, 32


def row(created: datetime = NOON, finished: datetime | None = None, *, template: int | None = OURS) -> Row:
    return Row(
        id=1,
        type=JobKind.JOB,
        status="running",
        created=created,
        finished=finished,
        unified_job_template=template,
    )


def of_ours(
    *,
    created_since: datetime | None = None,
    created_before: datetime | None = None,
    changed_since: datetime | None = None,
) -> Scope:
    return Scope(
        templates=frozenset({OURS}),
        created_since=created_since,
        created_before=created_before,
        changed_since=changed_since,
    )


CASES = {
    "a job of one of the templates": (of_ours(), row(), True),
    "a job of another template": (of_ours(), row(template=ANOTHER), False),
    "a job of another template, where all are meant": (
        Scope(templates=frozenset()),
        row(template=ANOTHER),
        True,
    ),
    "a job whose template was deleted": (of_ours(), row(template=None), True),
    "a job created at the first moment": (of_ours(created_since=NOON), row(), True),
    "a job created before that": (of_ours(created_since=NOON + HOUR), row(), False),
    "a job created at the last moment, which is none": (of_ours(created_before=NOON), row(), False),
    "a job created before the last moment": (of_ours(created_before=NOON + HOUR), row(), True),
    "a job that has not changed since": (of_ours(changed_since=NOON + HOUR), row(), False),
    "a job that was created since": (of_ours(changed_since=NOON), row(), True),
    "a job that has ended since": (of_ours(changed_since=NOON + HOUR), row(finished=NOON + HOUR), True),
    "a job that had ended before": (of_ours(changed_since=NOON + 2 * HOUR), row(finished=NOON + HOUR), False),
    "a job of which nobody can read when it was created": (
        of_ours(created_since=NOON, changed_since=NOON),
        row(LONG_AGO),
        True,
    ),
}


@pytest.mark.parametrize(("scope", "job", "belongs"), CASES.values(), ids=CASES)
def test_what_belongs_on_a_list(scope: Scope, job: Row, belongs: bool) -> None:
    assert scope.has(job) is belongs
