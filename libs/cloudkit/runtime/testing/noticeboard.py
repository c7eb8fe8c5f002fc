"""Kubernetes Events in memory."""

from dataclasses import dataclass, replace
from datetime import datetime

from cloudkit.contracts.errors import ProvisionerError, Refused
from cloudkit.contracts.instance import ComputeInstance, InstanceRef
from cloudkit.contracts.notices import Notice
from cloudkit.lifecycle.texts import shorten
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.kube.notices import LONGEST_NOTE
from cloudkit.runtime.ports import Clock

LONGEST_WORD = 128


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """An event: ``notice`` was told of ``instance`` ``count`` times, from ``first`` to ``last``."""

    instance: InstanceRef
    notice: Notice
    count: int
    first: datetime
    last: datetime


class MemoryNoticeboard:
    """A `cloudkit.runtime.ports.Noticeboard`.

    ``failures`` are raised by the next calls, one each, and nothing is recorded. Namespaces in ``closed``
    are being deleted.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._recorded: dict[tuple[str, ...], Recorded] = {}
        self.failures: list[ProvisionerError] = []
        self.closed: set[str] = set()

    @property
    def recorded(self) -> tuple[Recorded, ...]:
        """Every event, in the order of their first times."""
        return tuple(self._recorded.values())

    def expire(self) -> None:
        """Forget every event, as the API server does after an hour."""
        self._recorded.clear()

    async def tell(self, instance: ComputeInstance, notice: Notice) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if instance.metadata.namespace in self.closed:
            return
        if not all(0 < len(word.encode()) <= LONGEST_WORD for word in (notice.reason, notice.action)):
            raise Refused(
                "a reason and an action are needed, of at most 128 bytes", status=422, reason="Invalid"
            )
        note = shorten(notice.note, LONGEST_NOTE)
        now = self._clock.now()
        same = instance.ref.uid, notice.type, notice.reason, note
        if known := self._recorded.get(same):
            self._recorded[same] = replace(known, count=known.count + 1, last=now)
        else:
            told = Notice(type=notice.type, reason=notice.reason, action=notice.action, note=note)
            self._recorded[same] = Recorded(instance=instance.ref, notice=told, count=1, first=now, last=now)
