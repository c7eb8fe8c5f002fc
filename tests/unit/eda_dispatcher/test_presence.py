"""What a webhook tells of EDA: for the next webhook, and for who asks whether we are ready."""

import pytest

from cloudkit.contracts.errors import Forbidden, NotFound, Refused, Unauthorized, Unreachable
from cloudkit.runtime.health import Health
from cloudkit.runtime.testing import ManualClock
from eda_dispatcher.presence import TOLD_FOR, TRY_AGAIN_AFTER, Presence, Problem


class Eda:
    """An EDA that nobody has told anything yet."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.health = Health()
        self.presence = Presence(self.health, self.clock)

    @property
    def stands(self) -> str:
        return self.health.parts()["eda"]


@pytest.fixture
def eda() -> Eda:
    return Eda()


def refused(status: int) -> Problem:
    kinds = {401: Unauthorized, 403: Forbidden, 404: NotFound}
    return kinds.get(status, Refused)(f"refused: {status}", system="EDA", status=status)


def test_an_eda_that_nobody_has_asked_counts_as_there(eda: Eda) -> None:
    assert eda.health.ready
    assert eda.presence.trouble is None


@pytest.mark.parametrize("status", [401, 403, 404, 302])
def test_a_refusal_that_every_webhook_would_get_is_told_with_its_reason(eda: Eda, status: int) -> None:
    eda.presence.away(refused(status))
    assert eda.stands == f"refused: {status}"


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_refusal_of_one_webhook_says_nothing_of_eda(eda: Eda, status: int) -> None:
    eda.presence.away(refused(status))
    assert eda.health.ready
    assert eda.presence.trouble is None


def test_a_problem_is_told_no_longer_when_nothing_has_met_it_for_three_minutes(eda: Eda) -> None:
    """Its instance may be gone, and no other may come for days."""
    eda.presence.away(refused(401))
    eda.clock.pass_time(TOLD_FOR - 1)
    assert not eda.health.ready
    eda.clock.pass_time(1)
    assert eda.stands == "ok"


def test_a_problem_that_is_met_again_is_told_on(eda: Eda) -> None:
    for _ in range(3):
        eda.presence.away(Unreachable("no connection", system="EDA"))
        eda.clock.pass_time(TOLD_FOR - 1)
        assert eda.stands == "no connection"


def test_a_webhook_that_is_taken_ends_it_at_once(eda: Eda) -> None:
    eda.presence.away(refused(401))
    eda.presence.there()
    assert eda.health.ready
    assert eda.presence.trouble is None


def test_the_next_webhook_is_tried_long_before_the_problem_is_forgotten(eda: Eda) -> None:
    problem = refused(401)
    eda.presence.away(problem)
    eda.clock.pass_time(TRY_AGAIN_AFTER - 1)
    assert eda.presence.trouble is problem
    eda.clock.pass_time(1)
    assert eda.presence.trouble is None
    assert not eda.health.ready
