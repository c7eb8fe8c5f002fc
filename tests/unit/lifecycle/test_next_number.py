"""Which number the next job gets."""

import pytest

from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.intents import Deprovision
from cloudkit.contracts.jobs import JobState
from cloudkit.lifecycle.decide import decide
from unit.lifecycle.specimens import LONG_AGO, NOW, POLICY, deprovision, instance, provision

DELAYED_3 = {"launch": {"number": 3, "revision": 2, "type": "deprovision", "reason": "JobLogNew"}}
FAILED_3 = deprovision(3, JobState.FAILED, timestamp=LONG_AGO)
CASES = {
    "the first job is number one": (instance(deleting=True), 1),
    "a job follows the newest": (instance(provision(1), deleting=True), 2),
    "a launch that was refused is made again under its number, whatever a backup has forgotten": (
        instance(provision(1), deleting=True, status=DELAYED_3),
        3,
    ),
    "a launch that became a job is past": (
        instance(provision(1), FAILED_3, deleting=True, status=DELAYED_3),
        4,
    ),
}


@pytest.mark.parametrize(("subject", "number"), CASES.values(), ids=CASES)
def test_the_next_number(subject: ComputeInstance, number: int) -> None:
    asked = [intent for _, intent in decide(subject, NOW, POLICY).intents if isinstance(intent, Deprovision)]
    assert [intent.number for intent in asked] == [number]
