"""How long a message that made trouble is left alone."""

from datetime import UTC, datetime

from nats.aio.client import Client
from nats.aio.msg import Msg

from cloudkit.runtime.troubles import REMEMBERED, Trouble, Troubles

STORED_AT = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 10**9


def message(sequence: int, stored_at: int = STORED_AT) -> Msg:
    return Msg(Client(), subject="x", reply=f"$JS.ACK.S.C.1.{sequence}.{sequence}.{stored_at}.0")


def test_crashes_are_retried_after_one_second_doubling_to_sixty() -> None:
    pauses = [Trouble(crashes=n).crash_pause for n in range(1, 10)]

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_outages_are_retried_after_one_second_doubling_to_thirty_for_ever() -> None:
    pauses = [Trouble(outages=n).outage_pause for n in (1, 2, 3, 4, 5, 6, 7, 10_000)]

    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_only_the_tenth_crash_in_a_row_is_hopeless() -> None:
    troubles = Troubles()
    for _ in range(9):
        assert not troubles.crashed(message(1)).hopeless
        assert not troubles.outage(message(1)).hopeless

    assert troubles.crashed(message(1)).hopeless


def test_a_message_that_was_handled_starts_anew() -> None:
    troubles = Troubles()
    troubles.crashed(message(1))
    troubles.over(message(1))

    assert troubles.crashed(message(1)).crashes == 1


def test_the_same_sequence_in_a_stream_made_anew_is_another_message() -> None:
    troubles = Troubles()
    troubles.crashed(message(1))

    assert troubles.crashed(message(1, STORED_AT + 10**9)).crashes == 1


def test_troubles_of_messages_that_never_come_again_are_forgotten() -> None:
    troubles = Troubles()
    for sequence in range(1, REMEMBERED + 2):
        troubles.crashed(message(sequence))

    assert troubles.crashed(message(1)).crashes == 1
    assert troubles.crashed(message(REMEMBERED)).crashes == 2
