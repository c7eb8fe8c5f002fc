"""When EDA may be told again, and the cleanup of which it need not be told."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.intents import Deprovision
from cloudkit.contracts.jobs import JobRecord, JobState, JobType, Provider
from cloudkit.lifecycle.evidence import eda_job_id
from cloudkit.lifecycle.webhooks import interval_left, nothing_removed
from unit.lifecycle.specimens import LONG_AGO, NOW, REF, deprovision, provision

INTERVAL = timedelta(minutes=10)
NONE = timedelta(0)
MINUTE = timedelta(minutes=1)
UNKNOWN = JobState.UNKNOWN


def sent(ago: timedelta, number: int = 1, **fields: object) -> JobRecord:
    """A provision job whose webhook was sent *ago*, as it stood then."""
    usual = {"timestamp": NOW - ago, "provider": Provider.EDA, "job_id": eda_job_id(number)}
    return replace(provision(number, UNKNOWN), **{**usual, **fields})


LEFT: dict[str, tuple[tuple[JobRecord, ...], timedelta]] = {
    "the first webhook goes at once": ((), NONE),
    "the next keeps its distance": ((sent(MINUTE),), 9 * MINUTE),
    "the latest of all counts, wherever it stands": ((sent(MINUTE, 2), sent(5 * MINUTE)), 9 * MINUTE),
    "after the interval the next goes at once": ((sent(INTERVAL),), NONE),
    "long after it, too": ((sent(timedelta(days=1)),), NONE),
    "one that was sent a minute ahead of our clock is as near as one of a minute ago": (
        (sent(-MINUTE),),
        9 * MINUTE,
    ),
    "a clock that was set back by years keeps nobody waiting": ((sent(timedelta(days=-900)),), NONE),
    "a job of AAP is no webhook": ((sent(MINUTE, provider=Provider.AAP),), NONE),
    "the other webhook has an interval of its own": (
        (deprovision(1, UNKNOWN, timestamp=NOW, provider=Provider.EDA, job_id=eda_job_id(1)),),
        NONE,
    ),
    "a webhook that was claimed and never sent is none": ((sent(MINUTE, job_id=""),), NONE),
    "how a job ended is no webhook": ((sent(MINUTE, finished_at=NOW),), NONE),
    "nor is a delay, whatever its job is called": ((sent(MINUTE, state=JobState.PENDING),), NONE),
}


@pytest.mark.parametrize(("known", "left"), LEFT.values(), ids=LEFT)
def test_eda_is_told_of_one_instance_at_intervals(known: tuple[JobRecord, ...], left: timedelta) -> None:
    assert interval_left(known, JobType.PROVISION, NOW, INTERVAL) == left


def test_without_an_interval_nobody_waits() -> None:
    assert interval_left((sent(NONE),), JobType.PROVISION, NOW, NONE) == NONE


def test_a_cleanup_of_nothing_has_succeeded_and_says_that_no_webhook_was_sent() -> None:
    intent = Deprovision(instance=REF, born=LONG_AGO, number=3, attempt=1, resource=None)
    record = deprovision(3, JobState.PENDING, revision=2, job_id="", provider=Provider.EDA)
    event = nothing_removed(intent, record, NOW)
    assert (event.event, event.instance) == (JobEventName.SUCCEEDED, REF)
    job = event.job
    assert (job.number, job.revision, job.job_id) == (3, 2, "eda-webhook-3")
    assert (job.state, job.finished_at) == (JobState.SUCCEEDED, NOW)
    assert "no webhook was sent" in job.message
