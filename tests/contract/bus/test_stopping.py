"""How delivery ends in order. Real servers alone: processes of the simulation are never told to stop, they
die, and what they held comes to another when its time is up (`test_delivery`).
"""

import asyncio

import pytest

from cloudkit.contracts.events import JobEvent
from cloudkit.runtime.answers import DONE, Answer, Received
from contract.bus.messages import OffsetClock, eventually
from contract.bus.postbox import Postbox
from contract.bus.servers import Nats


@pytest.fixture
def postbox(nats: Nats, clock: OffsetClock) -> Postbox:
    return Postbox(nats.bus_by(clock))


async def test_stopping_hands_back_what_is_in_flight(
    postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudkit.runtime.delivery.FINISH_WITHIN", 0.1)
    begun = asyncio.Event()

    async def hang(received: Received[JobEvent]) -> Answer:
        begun.set()
        await asyncio.Event().wait()
        return DONE

    for number in (1, 2, 3):
        await postbox.post(number)
    async with postbox.delivering(postbox.subscription(hang, in_flight=1)):
        await begun.wait()

    async with postbox.delivering(postbox.subscription()):
        await eventually(lambda: postbox.numbers == [1, 2, 3], within=5)


async def test_stopping_lets_handlers_finish(postbox: Postbox) -> None:
    begun = asyncio.Event()

    async def finish_soon(received: Received[JobEvent]) -> Answer:
        begun.set()
        await asyncio.sleep(0.2)
        return await postbox.take(received)

    await postbox.post(1)
    async with postbox.delivering(postbox.subscription(finish_soon)):
        await begun.wait()

    assert postbox.numbers == [1]
    await eventually(lambda: nothing_waits(postbox))


async def nothing_waits(postbox: Postbox) -> bool:
    return await postbox.waiting() == 0
