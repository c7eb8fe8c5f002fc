"""What the tests say on the bus, and how they wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from secrets import token_hex

from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Provision, Reconcile
from cloudkit.contracts.jobs import JobRecord, JobState, JobType
from cloudkit.runtime.clock import SystemClock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def an_instance(namespace: str = "lab") -> InstanceRef:
    """One that no other test knows."""
    return InstanceRef(namespace, f"vm-{token_hex(4)}.example", f"uid-{token_hex(4)}")


def reborn(instance: InstanceRef) -> InstanceRef:
    """The next life of the same name."""
    return InstanceRef(instance.namespace, instance.name, f"uid-{token_hex(4)}")


def claimed(instance: InstanceRef, number: int = 1, *, claimant: str = "") -> JobEvent:
    return said(instance, JobEventName.CLAIMED, number, claimant=claimant)


def said(instance: InstanceRef, event: JobEventName, number: int = 1, *, claimant: str = "") -> JobEvent:
    job = JobRecord(
        type=JobType.PROVISION,
        state=JobState.PENDING,
        timestamp=NOON,
        block_deletion_on_failure=True,
        number=number,
        revision=1,
        claimant=claimant,
    )
    return JobEvent(event=event, instance=instance, job=job)


def provision(instance: InstanceRef, number: int = 1) -> Provision:
    return Provision(
        instance=instance, born=NOON, number=number, config_version="v1", attempt=1, resource={"kind": "x"}
    )


def reconcile(instance: InstanceRef) -> Reconcile:
    return Reconcile(instance=instance)


class OffsetClock(SystemClock):
    """The real clock of a process that can be frozen, on a host whose wall clock may be wrong."""

    def __init__(self, *, wall_is_off_by: float = 0.0) -> None:
        self._frozen_for = 0.0
        self._off = wall_is_off_by

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self._off, UTC)

    def monotonic(self) -> float:
        return time.monotonic() + self._frozen_for

    def pass_time(self, seconds: float) -> None:
        self._frozen_for += seconds


async def eventually(
    holds: Callable[[], bool | Awaitable[bool]], *, within: float = 10.0, what: str = "it"
) -> None:
    """Wait until *holds*; fail after *within* seconds."""
    try:
        async with asyncio.timeout(within):
            while True:
                answer = holds()
                if answer if isinstance(answer, bool) else await answer:
                    return
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{what} did not happen within {within} s") from None
