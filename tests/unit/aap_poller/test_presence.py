"""When AAP counts as away, what is sent then, and what ends it."""

import asyncio

import pytest
import structlog

from aap_poller import metrics
from aap_poller.presence import LONGEST_PAUSE, HeldBack, Presence, Problem, probing, reason_of
from cloudkit.contracts.errors import Forbidden, Refused, Unanswered, Unauthorized, Unreachable
from cloudkit.runtime.health import Health
from cloudkit.runtime.testing import ManualClock


class Outage:
    """A presence, and what it is told. It starts with an AAP that has been swept."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.health = Health()
        self.presence = Presence(self.health, self.clock)
        self.presence.there()

    def fail(self, times: int = 1) -> None:
        for _ in range(times):
            self.presence.away(bad_gateway())

    @property
    def open(self) -> bool:
        try:
            self.presence.admit()
        except HeldBack:
            return True
        return False


@pytest.fixture
def outage() -> Outage:
    return Outage()


def bad_gateway() -> Unanswered:
    return Unanswered("A proxy answered GET jobs with 502", system="AAP")


def unauthorized() -> Unauthorized:
    return Unauthorized("who?", system="AAP", status=401)


def asks_for_a_pause(seconds: float) -> Unreachable:
    return Unreachable("AAP asks for a pause", system="AAP", retry_after=seconds)


async def test_a_process_is_not_ready_before_its_first_sweep_and_says_what_that_met() -> None:
    health = Health()
    presence = Presence(health, ManualClock())
    assert health.parts() == {"aap": "not asked yet"}
    presence.missed(bad_gateway())
    assert "502" in health.parts()["aap"]
    presence.there()
    assert health.ready


async def test_one_failure_lets_nobody_claim_and_changes_nothing_else(outage: Outage) -> None:
    outage.fail()
    assert outage.presence.doubtful
    assert (outage.open, outage.presence.trouble, outage.health.ready) == (False, None, True)
    outage.presence.answered()
    assert not outage.presence.doubtful


async def test_three_failures_in_a_row_are_an_outage(outage: Outage) -> None:
    outage.fail(2)
    outage.presence.answered()
    outage.fail(2)
    assert not outage.open
    outage.fail()
    assert outage.open
    assert not outage.health.ready
    assert not outage.presence.doubtful, "there is no doubt any more"
    assert metrics.AAP_CIRCUIT_OPEN._value.get() == 1


async def test_a_problem_counts_once_however_many_report_it(outage: Outage) -> None:
    problem = bad_gateway()
    for _ in range(10):
        outage.presence.away(problem)
    outage.presence.missed(problem)
    assert not outage.open


async def test_what_is_held_back_is_no_further_failure(outage: Outage) -> None:
    outage.fail()
    for _ in range(10):
        outage.presence.away(HeldBack(bad_gateway()))
    assert not outage.open


@pytest.mark.parametrize(
    "refusal",
    [Forbidden("no", system="AAP", status=403), Refused("bad", system="AAP", status=400)],
    ids=["403", "400"],
)
async def test_a_refusal_of_one_request_is_an_answer_of_aap(outage: Outage, refusal: Problem) -> None:
    outage.fail(2)
    outage.presence.away(refusal)
    outage.fail()
    assert not outage.open


async def test_an_unknown_token_needs_no_second_witness(outage: Outage) -> None:
    outage.presence.away(unauthorized())
    assert outage.open
    assert isinstance(outage.presence.trouble, Unauthorized)


async def test_an_aap_that_sends_everybody_elsewhere_is_away(outage: Outage) -> None:
    for _ in range(3):
        outage.presence.away(Refused("302", system="AAP", status=302, reason="Redirected"))
    assert outage.open
    assert reason_of(outage.presence.trouble or bad_gateway()) == "Redirected"


async def test_only_the_probe_is_sent_while_aap_is_away_also_in_tasks_it_makes(outage: Outage) -> None:
    outage.fail(3)

    async def ask() -> None:
        outage.presence.admit()

    with probing():
        outage.presence.admit()
        await asyncio.gather(ask(), ask())
    with pytest.raises(HeldBack) as held:
        outage.presence.admit()
    assert held.value.message == "A proxy answered GET jobs with 502"
    assert reason_of(held.value) == "ProviderUnreachable"


async def test_what_is_held_back_for_a_bad_token_says_so(outage: Outage) -> None:
    outage.presence.away(unauthorized())
    with pytest.raises(HeldBack) as held:
        outage.presence.admit()
    assert reason_of(held.value) == "Unauthorized"


async def test_an_answer_that_was_under_way_does_not_end_an_outage_but_a_sweep_does(outage: Outage) -> None:
    outage.fail(3)
    outage.presence.answered()
    assert outage.open
    outage.presence.there()
    assert not outage.open
    assert outage.health.ready
    assert metrics.AAP_CIRCUIT_OPEN._value.get() == 0


async def test_sweeps_that_fail_alone_show_in_the_readiness_and_hold_nothing_back(outage: Outage) -> None:
    """Such as AWX's answer to a list with a row that it cannot show."""
    for _ in range(3):
        assert outage.health.ready
        outage.presence.missed(bad_gateway())
        outage.presence.answered()
    assert not outage.health.ready
    assert not outage.open


async def test_a_pause_holds_everything_back_even_the_probe_and_ends_by_itself(outage: Outage) -> None:
    outage.presence.away(asks_for_a_pause(30))
    outage.clock.pass_time(29)
    with probing():
        assert outage.open
    assert outage.presence.pause_left == 1
    assert outage.presence.trouble is not None
    outage.clock.pass_time(1)
    assert not outage.open
    assert outage.presence.trouble is None
    assert not outage.presence.doubtful


async def test_of_several_pauses_the_one_that_ends_last_counts(outage: Outage) -> None:
    for seconds in (10, 60, 5):
        outage.presence.away(asks_for_a_pause(seconds))
    assert outage.presence.pause_left == 60


async def test_no_pause_is_longer_than_five_minutes(outage: Outage) -> None:
    outage.presence.away(asks_for_a_pause(86_400))
    assert outage.presence.pause_left == LONGEST_PAUSE == 300
    assert metrics.AAP_PAUSED_UNTIL._value.get() == outage.clock.now().timestamp() + 300


async def test_an_outage_and_its_end_are_logged_once(outage: Outage) -> None:
    with structlog.testing.capture_logs() as logs:
        outage.fail(10)
        outage.presence.missed(HeldBack(bad_gateway()))
        outage.presence.there()
        outage.presence.there()
    assert [line["event"] for line in logs] == [
        "AAP is away, only sweeps ask for it",
        "AAP answers again",
    ]


async def test_a_pause_is_logged_once(outage: Outage) -> None:
    with structlog.testing.capture_logs() as logs:
        for seconds in (10, 11, 12):
            outage.presence.away(asks_for_a_pause(seconds))
    assert [line["event"] for line in logs] == ["AAP asks for a pause"]
