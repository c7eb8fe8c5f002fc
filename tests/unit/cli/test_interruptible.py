"""A command that is told to stop cleans up first."""

import asyncio
import os
import signal

import pytest

from cloudkit.cli.interruptible import STOPPING, run_until_told


async def stopped_by(number: signal.Signals, diary: list[str]) -> int:
    """A command that gets a signal, takes a while to clean up, and gets another one meanwhile."""
    os.kill(os.getpid(), number)
    try:
        await asyncio.Event().wait()
    finally:
        os.kill(os.getpid(), number)
        await asyncio.sleep(0)
        diary.append("cleaned up")
    return 0


async def ends_with(code: int) -> int:
    return code


def test_a_command_that_ends_by_itself_gives_its_exit_code() -> None:
    assert run_until_told(ends_with(3)) == 3


@pytest.mark.parametrize("number", STOPPING, ids=lambda number: number.name)
def test_a_signal_lets_the_command_clean_up_and_more_signals_change_nothing(number: signal.Signals) -> None:
    diary: list[str] = []
    assert run_until_told(stopped_by(number, diary)) == 128 + number
    assert diary == ["cleaned up"]


def test_to_be_told_may_be_the_ordinary_end() -> None:
    assert run_until_told(stopped_by(signal.SIGTERM, []), when_told=0) == 0


async def crashes() -> int:
    raise ValueError("a bug")


def test_a_crash_is_not_hidden() -> None:
    with pytest.raises(ValueError, match="a bug"):
        run_until_told(crashes())
