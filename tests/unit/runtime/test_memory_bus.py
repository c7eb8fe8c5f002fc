"""What the fakes do beyond the ports: fail on demand, and forget."""

import pytest

from cloudkit.contracts.errors import Unanswered, Unreachable
from cloudkit.contracts.subjects import Addressee
from cloudkit.runtime.testing import ManualClock, MemoryIntents, MemoryJobLog
from contract.bus.messages import an_instance, claimed, provision, reconcile


async def test_a_failure_that_was_ordered_is_raised_once_and_nothing_happens() -> None:
    log, instance = MemoryJobLog(ManualClock()), an_instance()
    at = await log.position(instance)
    log.failures.append(Unreachable("away"))

    with pytest.raises(Unreachable):
        await log.append(claimed(instance), at)
    assert log.events == ()
    await log.append(claimed(instance), at)


async def test_an_event_whose_answer_is_lost_stands_all_the_same() -> None:
    log, instance = MemoryJobLog(ManualClock()), an_instance()
    log.lost_answers.append(Unanswered("lost"))

    with pytest.raises(Unanswered):
        await log.append(claimed(instance), await log.position(instance))
    assert log.events == (claimed(instance),)


async def test_a_log_that_is_lost_has_another_birth_and_counts_anew() -> None:
    clock, instance = ManualClock(), an_instance()
    log = MemoryJobLog(clock)
    await log.append(claimed(instance), await log.position(instance))
    before = await log.epoch()
    await clock.advance(60)
    log.lose()

    assert (await log.epoch()).created > before.created
    assert (await log.epoch()).age == 0
    assert (await log.position(instance)).sequence == 0


async def test_what_an_addressee_takes_is_off_the_board() -> None:
    board, instance = MemoryIntents(), an_instance()
    await board.publish(Addressee.AAP, provision(instance))
    await board.publish(Addressee.STATUS, reconcile(instance))

    assert board.take(Addressee.AAP) == (provision(instance),)
    assert board.waiting == ((Addressee.STATUS, reconcile(instance)),)
    assert len(board.published) == 2
