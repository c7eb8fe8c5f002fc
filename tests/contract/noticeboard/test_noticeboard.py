"""What whoever tells of an instance may rely on."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cloudkit.contracts.errors import Refused
from cloudkit.contracts.notices import Notice, NoticeType
from contract.noticeboard.boards import Board

FAILED = Notice(
    type=NoticeType.WARNING, reason="JobFailed", action="Provision", note="AAP job failed: no disk"
)


async def test_a_notice_is_recorded_once_and_in_its_words(board: Board) -> None:
    instance = await board.create("vm")
    before = datetime.now(UTC)
    await board.noticeboard.tell(instance, FAILED)
    [event] = await board.recorded()
    assert (event.instance, event.notice, event.count) == (instance.ref, FAILED, 1)
    assert before - timedelta(milliseconds=1) <= event.first == event.last <= datetime.now(UTC)


async def test_what_is_told_again_is_counted(board: Board) -> None:
    instance = await board.create("vm")
    for _ in range(3):
        await board.noticeboard.tell(instance, FAILED)
    [event] = await board.recorded()
    assert event.count == 3
    assert event.first < event.last


OTHERS = {
    "another note": {"note": "AAP job failed: no memory"},
    "another reason": {"reason": "JobCanceled"},
    "another type": {"type": NoticeType.NORMAL},
    "words that only together are the same": {"reason": "Job", "note": "FailedAAP job failed: no disk"},
}


@pytest.mark.parametrize("fields", OTHERS.values(), ids=OTHERS)
async def test_of_its_own_is(board: Board, fields: dict[str, str]) -> None:
    instance = await board.create("vm")
    other = msgspec.structs.replace(FAILED, **fields)
    await board.noticeboard.tell(instance, FAILED)
    await board.noticeboard.tell(instance, other)
    assert [(event.notice, event.count) for event in await board.recorded()] == [(FAILED, 1), (other, 1)]


async def test_another_action_alone_is_the_same_again(board: Board) -> None:
    instance = await board.create("vm")
    await board.noticeboard.tell(instance, FAILED)
    await board.noticeboard.tell(instance, msgspec.structs.replace(FAILED, action="Deprovision"))
    assert [(event.notice, event.count) for event in await board.recorded()] == [(FAILED, 2)]


async def test_another_life_of_the_name_begins_with_nothing(board: Board) -> None:
    former = await board.create("vm")
    await board.noticeboard.tell(former, FAILED)
    latter = await board.replace("vm")
    await board.noticeboard.tell(latter, FAILED)
    events = await board.recorded()
    assert [(event.instance, event.count) for event in events] == [(former.ref, 1), (latter.ref, 1)]


async def test_an_instance_that_is_gone_can_still_be_told_of(board: Board) -> None:
    former = await board.create("vm")
    await board.replace("vm")
    await board.noticeboard.tell(former, FAILED)
    assert [event.instance for event in await board.recorded()] == [former.ref]


async def test_a_long_note_is_cut_to_1024_bytes_and_still_counted(board: Board) -> None:
    instance = await board.create("vm")
    long = msgspec.structs.replace(FAILED, note="ä" * 1000)
    await board.noticeboard.tell(instance, long)
    await board.noticeboard.tell(instance, long)
    [event] = await board.recorded()
    assert 1000 < len(event.notice.note.encode()) <= 1024
    assert event.count == 2


@pytest.mark.parametrize("times", [2, 3])
async def test_what_is_told_in_many_places_at_once_is_one_event(board: Board, times: int) -> None:
    """With three at once, two may be faster than the third, twice; then it says so."""
    instance = await board.create("vm")
    tells = (board.noticeboard.tell(instance, FAILED) for _ in range(times))
    failures = [error for error in await asyncio.gather(*tells, return_exceptions=True) if error]
    [event] = await board.recorded()
    assert event.count == times - len(failures)
    assert len(failures) <= times - 2


async def test_what_was_forgotten_is_told_anew(board: Board) -> None:
    instance = await board.create("vm")
    await board.noticeboard.tell(instance, FAILED)
    await board.noticeboard.tell(instance, FAILED)
    await board.expire()
    await board.noticeboard.tell(instance, FAILED)
    assert [event.count for event in await board.recorded()] == [1]


async def test_in_a_namespace_that_is_being_deleted_nothing_is_recorded_or_raised(board: Board) -> None:
    instance = await board.create("vm")
    await board.close()
    await board.noticeboard.tell(instance, FAILED)
    assert await board.recorded() == []


@pytest.mark.parametrize("field", ["reason", "action"])
@pytest.mark.parametrize("word", ["", "x" * 129], ids=["none", "a long one"])
async def test_reason_and_action_must_be_words_that_fit(board: Board, field: str, word: str) -> None:
    instance = await board.create("vm")
    with pytest.raises(Refused) as refused:
        await board.noticeboard.tell(instance, msgspec.structs.replace(FAILED, **{field: word}))
    assert (refused.value.status, refused.value.reason) == (422, "Invalid")
