"""How long this process has known of things, without knowing of too many."""

from cloudkit.runtime.stopwatches import Stopwatches
from cloudkit.runtime.testing import ManualClock


def test_a_stopwatch_starts_at_the_first_look() -> None:
    clock = ManualClock()
    watches: Stopwatches[str] = Stopwatches(clock, forget_after=60)
    assert not watches.running("a")
    assert watches.elapsed("a") == 0
    clock.pass_time(5)
    assert watches.elapsed("a") == 5
    watches.stop("a")
    assert watches.elapsed("a") == 0


def test_what_somebody_looks_at_is_never_forgotten() -> None:
    clock = ManualClock()
    watches: Stopwatches[str] = Stopwatches(clock, forget_after=60)
    for _ in range(100):
        watches.elapsed("a")
        clock.pass_time(30)
    assert watches.elapsed("a") == 3000


def test_what_nobody_looks_at_is_forgotten() -> None:
    clock = ManualClock()
    watches: Stopwatches[int] = Stopwatches(clock, forget_after=60)
    for number in range(1000):
        watches.elapsed(number)
        clock.pass_time(1)
    assert len(watches) <= 120
