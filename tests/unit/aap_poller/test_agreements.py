"""The log is not read for what it says already, and read again whenever that may have changed."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from aap_poller.agreements import HOLDS_FOR, Agreements
from aap_poller.rows import Row
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import JobKind, JobRecord, JobState, JobType
from cloudkit.runtime.testing import ManualClock
from cloudkit.runtime.testing.manual_clock import NEW_YEAR

ROW = Row(id=4711, type=JobKind.JOB, status="running", created=NEW_YEAR)
CHANGED = {
    "it has ended": replace(ROW, status="successful", finished=NEW_YEAR),
    "it fell back": replace(ROW, status="pending"),
    "another job got its id": replace(ROW, created=NEW_YEAR + timedelta(seconds=1)),
    "it is gone": None,
}


def launched(number: int = 1) -> JobEvent:
    job = JobRecord(
        type=JobType.PROVISION,
        state=JobState.PENDING,
        timestamp=NEW_YEAR,
        number=1,
        job_id=str(4710 + number),
    )
    return JobEvent(
        event=JobEventName.LAUNCHED, instance=InstanceRef("lab", f"vm-{number}", f"uid-{number}"), job=job
    )


def test_an_agreement_holds_while_aap_says_the_same() -> None:
    agreements = Agreements(ManualClock())
    assert not agreements.hold(launched(), ROW)
    agreements.make(launched(), ROW)
    assert agreements.hold(launched(), replace(ROW, extra_vars="{}"))


@pytest.mark.parametrize("row", CHANGED.values(), ids=CHANGED)
def test_an_agreement_ends_when(row: Row | None) -> None:
    agreements = Agreements(ManualClock())
    agreements.make(launched(), ROW)
    assert not agreements.hold(launched(), row)


def test_no_agreement_holds_for_ever() -> None:
    clock = ManualClock()
    agreements = Agreements(clock)
    agreements.make(launched(), ROW)
    clock.pass_time(HOLDS_FOR)
    assert not agreements.hold(launched(), ROW)
    assert agreements.made(launched())


def test_jobs_that_nobody_asks_about_any_more_are_forgotten() -> None:
    clock = ManualClock()
    agreements = Agreements(clock)
    agreements.make(launched(1), ROW)
    clock.pass_time(2 * HOLDS_FOR)
    agreements.make(launched(2), ROW)
    assert len(agreements) == 1
