"""What time it is at AAP, as its answers tell."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from aap_poller.aap_time import AapTime
from cloudkit.runtime.testing import ManualClock

AHEAD = timedelta(minutes=7, milliseconds=300)
"""AAP's clock, compared with ours."""


class Aap:
    """Answers with the ``Date`` of a clock that is ahead of ours, *latency* seconds after the question."""

    def __init__(self, clock: ManualClock, *, latency: float = 0.02) -> None:
        self.clock = clock
        self.ahead = AHEAD
        self.latency = latency
        self.time = AapTime(clock)

    @property
    def now(self) -> datetime:
        return self.clock.now() + self.ahead

    def answer(self) -> None:
        sent_at = self.clock.monotonic()
        self.clock.pass_time(self.latency / 2)
        date = self.now.replace(microsecond=0)
        self.clock.pass_time(self.latency / 2)
        self.time.hear(date, sent_at=sent_at)

    def answers(self, number: int, every: float = 1.13) -> None:
        for _ in range(number):
            self.answer()
            self.clock.pass_time(every)

    def off_by(self) -> float:
        """Seconds, of the age of something that AAP stamped ten seconds ago."""
        age = self.time.age(self.now - timedelta(seconds=10))
        assert age is not None
        return abs(age - 10)


@pytest.fixture
def aap() -> Aap:
    return Aap(ManualClock())


def test_before_the_first_answer_nobody_can_tell(aap: Aap) -> None:
    assert aap.time.age(aap.now) is None


def test_one_answer_tells_to_half_a_second(aap: Aap) -> None:
    aap.answer()
    assert aap.off_by() <= 0.52


def test_a_minute_of_answers_tells_to_some_milliseconds(aap: Aap) -> None:
    aap.answers(60)
    assert aap.off_by() <= 0.03


def test_answers_that_take_long_do_no_harm(aap: Aap) -> None:
    aap.answers(60)
    aap.latency = 20
    aap.answers(3)
    assert aap.off_by() <= 0.03


def test_what_was_heard_long_ago_counts_no_more(aap: Aap) -> None:
    """A clock that drifts a little in an hour is followed."""
    aap.answers(60)
    for _ in range(12):
        aap.ahead += timedelta(milliseconds=15)
        aap.answers(300, every=1.07)
    assert aap.off_by() <= 0.05


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_set_is_believed_at_once(aap: Aap, hours: int) -> None:
    aap.answers(60)
    aap.ahead += timedelta(hours=hours)
    aap.answer()
    assert aap.off_by() <= 0.52


def test_nothing_was_stamped_in_the_future(aap: Aap) -> None:
    aap.answers(5)
    assert aap.time.age(aap.now + timedelta(seconds=5)) == 0.0


@pytest.mark.parametrize(
    ("date", "known"),
    [
        ("Sat, 21 Nov 2026 12:00:00 GMT", True),
        ("Sat, 21 Nov 2026 12:00:00 -0000", True),
        ("soon", False),
        ("", False),
        (None, False),
    ],
)
async def test_the_time_is_heard_in_the_headers_of_every_answer(date: str | None, known: bool) -> None:
    clock = ManualClock()
    time = AapTime(clock)

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(503, headers={} if date is None else {"Date": date})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        time.listen_to(client)
        await client.get("http://aap/")
    assert (time.age(datetime(2026, 11, 21, 12, tzinfo=UTC)) is not None) is known
