"""Ages of messages are taken by the server's clock, carried on by our monotonic one."""

from datetime import timedelta

from cloudkit.runtime.server_clock import ServerClock
from cloudkit.runtime.testing import ManualClock


async def test_an_age_does_not_depend_on_our_wall_clock() -> None:
    ours = ManualClock()
    servers = ours.now() + timedelta(days=3)
    clock = ServerClock(ours)
    clock.hear(servers, sent_at=clock.ask())
    await ours.advance(30)

    assert clock.age(servers - timedelta(seconds=10)) == 40


async def test_a_stamp_from_the_future_is_of_age_zero() -> None:
    ours = ManualClock()
    clock = ServerClock(ours)
    clock.hear(ours.now(), sent_at=clock.ask())

    assert clock.age(ours.now() + timedelta(seconds=1)) == 0


async def test_before_the_server_said_anything_our_own_clock_has_to_do() -> None:
    ours = ManualClock()

    assert ServerClock(ours).age(ours.now() - timedelta(seconds=5)) == 5


async def test_an_answer_that_was_heard_late_makes_nothing_look_younger() -> None:
    """We were frozen between the request and its answer."""
    ours = ManualClock()
    clock = ServerClock(ours)
    sent_at, said = clock.ask(), ours.now()
    await ours.advance(344)
    clock.hear(said, sent_at=sent_at)

    assert clock.age(said) == 344
