"""What an instance that is gone may have left behind."""

import pytest

from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.jobs import JobState
from cloudkit.lifecycle.orphans import may_leave_a_machine
from unit.lifecycle.specimens import deprovision, instance, provision

CASES = {
    "one whose machine was removed leaves none": (instance(provision(1), deprovision(2)), False),
    "one that was provisioned and not cleaned up may": (instance(provision(1)), True),
    "one whose provisioning failed may: a part of a machine is one": (
        instance(provision(1, JobState.FAILED)),
        True,
    ),
    "one whose cleanup failed may": (
        instance(provision(1), deprovision(2, JobState.FAILED)),
        True,
    ),
    "one that was in our care may, even if its status shows no job yet": (instance(), True),
    "one that we never had leaves nothing": (instance(finalizers=()), False),
}


@pytest.mark.parametrize(("gone", "expected"), CASES.values(), ids=CASES)
def test_may_leave_a_machine(gone: ComputeInstance, expected: bool) -> None:
    assert may_leave_a_machine(gone) is expected
