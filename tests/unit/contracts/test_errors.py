"""Errors are grouped by what to do next, as their tree says."""

import inspect

import pytest

from cloudkit.contracts import errors
from cloudkit.contracts.errors import (
    Conflict,
    Malformed,
    Misconfigured,
    NotFound,
    ProvisionerError,
    Refused,
    Unanswered,
    Unreachable,
)

CLASSES = [error for _, error in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_stands_in_the_tree_below_its_parent(error: type[ProvisionerError]) -> None:
    tree = (errors.__doc__ or "").splitlines()
    [line] = [line for line in tree if error.__name__ in line.split()[:3]]
    if error is ProvisionerError:
        return
    [parent] = error.__bases__
    above = tree[: tree.index(line)]
    depth = line.index(error.__name__) - 4
    nearest = next(before for before in reversed(above) if len(before) > depth and before[depth].isalpha())
    assert parent.__name__ in nearest.split()


@pytest.mark.parametrize("error", [error for error in CLASSES if error is not ProvisionerError])
def test_every_error_says_when_it_is_raised(error: type[ProvisionerError]) -> None:
    assert (error.__doc__ or "").startswith("Raised when ")


def test_whether_something_may_have_been_received_is_never_mistaken() -> None:
    assert not issubclass(Unanswered, Unreachable | Refused)
    assert not issubclass(Unreachable, Unanswered | Refused)


def test_a_refusal_has_one_word_for_a_condition() -> None:
    assert NotFound("no such template", system="AAP", status=404).reason == "NotFound"
    assert Conflict("changed", reason="StaleSequence").reason == "StaleSequence"
    assert Refused("no").status == 0


def test_an_error_reads_as_its_message_and_knows_whom_it_is_about() -> None:
    error = Malformed("not a job", system="AAP")
    assert (str(error), error.system) == ("not a job", "AAP")


def test_a_misconfiguration_has_a_line_for_each_problem() -> None:
    error = Misconfigured("set A", "set B")
    assert error.problems == ("set A", "set B")
    assert str(error) == "set A\nset B"
