"""When to ask again."""

from aap_poller.pauses import Pauses
from cloudkit.runtime.testing import ManualClock


def pauses() -> tuple[ManualClock, Pauses[str]]:
    clock = ManualClock()
    return clock, Pauses(clock, first=10, longest=40)


def test_what_nobody_paused_may_be_done() -> None:
    assert not pauses()[1].pausing("a")


def test_a_pause_ends_by_itself() -> None:
    clock, some = pauses()
    some.begin("a")
    clock.pass_time(9)
    assert some.pausing("a")
    assert not some.pausing("b")
    clock.pass_time(1)
    assert not some.pausing("a")


def test_pauses_grow_up_to_the_longest_and_start_over() -> None:
    clock, some = pauses()
    for seconds in (10, 20, 40, 40):
        some.begin_longer("a")
        clock.pass_time(seconds - 1)
        assert some.pausing("a")
        clock.pass_time(1)
        assert not some.pausing("a")
    some.begin("a")
    clock.pass_time(10)
    assert not some.pausing("a")


def test_what_was_ended_may_be_done_at_once() -> None:
    _, some = pauses()
    some.begin("a")
    some.end("a")
    some.end("a")
    assert not some.pausing("a")


def test_what_nobody_asks_about_any_more_is_forgotten() -> None:
    clock, some = pauses()
    for number in range(100):
        some.begin(str(number))
        clock.pass_time(5)
    assert len(some) < 20
