"""Telling people of instances, without ever being in the way."""

import asyncio
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from cloudkit.contracts.errors import Forbidden, ProvisionerError, Unreachable
from cloudkit.contracts.instance import ComputeInstance
from cloudkit.contracts.notices import Notice, NoticeType
from cloudkit.runtime.testing import ManualClock
from cloudkit.runtime.testing.kube import MemoryInstances
from cloudkit.runtime.testing.noticeboard import MemoryNoticeboard
from status_writer.announcing import Announcer

PATIENCE = 10.0


class Board(MemoryNoticeboard):
    """One that answers only while ``open`` is set, and notes whom it was told of."""

    def __init__(self) -> None:
        super().__init__(ManualClock())
        self.open = asyncio.Event()
        self.open.set()
        self.inside = self.crowd = 0
        self.instances: list[ComputeInstance] = []
        self.bugs: list[Exception] = []

    async def tell(self, instance: ComputeInstance, notice: Notice) -> None:
        self.inside += 1
        self.crowd = max(self.crowd, self.inside)
        try:
            await self.open.wait()
            if self.bugs:
                raise self.bugs.pop(0)
            await super().tell(instance, notice)
            self.instances.append(instance)
        finally:
            self.inside -= 1

    @property
    def notes(self) -> list[str]:
        return [event.notice.note for event in self.recorded]


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def instance() -> ComputeInstance:
    return MemoryInstances().create("ns", "vm", spec={"vcpu": 4}, annotations={"long": "x" * 1000})


def notices(*notes: object) -> list[Notice]:
    return [Notice(type=NoticeType.NORMAL, reason="Because", action="Test", note=str(note)) for note in notes]


def counted() -> Counter[str]:
    """The outcomes so far."""
    found = (sample for metric in REGISTRY.collect() for sample in metric.samples)
    name = "cloudkit_kubernetes_events_total"
    return Counter({one.labels["outcome"]: int(one.value) for one in found if one.name == name})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  # nothing tells when it does
            await asyncio.sleep(0)


async def test_what_is_told_is_written_in_its_order(board: Board, instance: ComputeInstance) -> None:
    before = counted()
    announcer = Announcer(board, at_once=1)
    async with announcer.working():
        announcer.tell(instance, notices(1, 2, 3))
        await until(lambda: len(board.recorded) == 3)
    assert board.notes == ["1", "2", "3"]
    assert counted() - before == {"told": 3}


async def test_only_a_few_are_told_at_once(board: Board, instance: ComputeInstance) -> None:
    board.open.clear()
    announcer = Announcer(board)
    async with announcer.working():
        announcer.tell(instance, notices(*range(100)))
        await until(lambda: board.inside == 4)
        board.open.set()
        await until(lambda: len(board.recorded) == 100)
    assert board.crowd == 4


async def test_when_too_many_wait_the_oldest_are_dropped_and_counted(
    board: Board, instance: ComputeInstance
) -> None:
    before = counted()
    announcer = Announcer(board, most=3)
    announcer.tell(instance, notices(1, 2))
    announcer.tell(instance, notices(3, 4, 5))
    async with announcer.working():
        await until(lambda: len(board.recorded) == 3)
    assert board.notes == ["3", "4", "5"]
    assert counted() - before == {"told": 3, "dropped": 2}


async def test_an_outage_is_logged_once_counted_often_and_over_when_something_is_told(
    board: Board, instance: ComputeInstance
) -> None:
    def away() -> list[ProvisionerError]:
        return [Unreachable("Kubernetes is away"), Unreachable("Kubernetes is away")]

    before = counted()
    announcer = Announcer(board, at_once=1)
    with capture_logs() as logs:
        async with announcer.working():
            board.failures = away()
            announcer.tell(instance, notices(1, 2, 3))
            await until(lambda: board.notes == ["3"])
            board.failures = [*away(), Forbidden("we may not", status=403)]
            announcer.tell(instance, notices(4, 5, 6, 7))
            await until(lambda: board.notes == ["3", "7"])
    warning = {"event": "events cannot be written", "log_level": "warning", "reason": "Because"}
    about = {"instance": "ns/vm", "uid": instance.ref.uid}
    assert logs == [
        {**warning, **about, "error": "Kubernetes is away"},
        {**warning, **about, "error": "Kubernetes is away"},
        {**warning, **about, "error": "we may not"},
    ]
    assert counted() - before == {"Unreachable": 4, "Forbidden": 1, "told": 2}


async def test_a_bug_is_told_and_the_rest_goes_on(board: Board, instance: ComputeInstance) -> None:
    before = counted()
    board.bugs = [ValueError("a bug")]
    announcer = Announcer(board, at_once=1)
    with capture_logs() as logs:
        async with announcer.working():
            announcer.tell(instance, notices(1, 2))
            await until(lambda: board.notes == ["2"])
    assert [(line["event"], line["log_level"]) for line in logs] == [("writing an event crashed", "error")]
    assert counted() - before == {"ValueError": 1, "told": 1}


async def test_what_waits_at_the_end_is_still_told(board: Board, instance: ComputeInstance) -> None:
    announcer = Announcer(board)
    async with announcer.working():
        announcer.tell(instance, notices(*range(20)))
    assert len(board.recorded) == 20


async def test_the_end_does_not_wait_for_a_server_that_does_not_answer(
    board: Board, instance: ComputeInstance
) -> None:
    before = counted()
    board.open.clear()
    announcer = Announcer(board, at_once=4, flush=0.01)
    async with asyncio.timeout(PATIENCE):
        async with announcer.working():
            announcer.tell(instance, notices(*range(10)))
            await until(lambda: board.inside == 4)
    assert board.inside == 0
    assert counted() - before == {"dropped": 10}


async def test_of_an_instance_that_waits_only_what_names_it_is_kept(
    board: Board, instance: ComputeInstance
) -> None:
    announcer = Announcer(board)
    async with announcer.working():
        announcer.tell(instance, notices(1))
    [kept] = board.instances
    assert kept.ref == instance.ref
    assert kept.metadata.resource_version == instance.metadata.resource_version
    assert len(msgspec.json.encode(kept)) < 500
