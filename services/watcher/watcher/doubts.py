"""Instances whose status the job log may know better, and when each is to be compared with it.

Of what stands in a status, a decision tells whether it is right; how a job stands, only the log can. Jobs
that go back while we watch were edited, or restored from a backup: they are doubted at once. Those of an
instance that is seen for the first time may have been restored while nobody watched: each is doubted in its
turn, since there may be ten thousand of them, and nothing that really happens must wait for their sake.
"""

from math import inf

from cloudkit.contracts.instance import ComputeInstance
from cloudkit.runtime.lanes import Lane
from watcher.edits import Edits

COMPARED_A_SECOND = 50


class Doubts:
    """Remembers what each instance showed last. Times are `Clock.monotonic`."""

    def __init__(self) -> None:
        self._edits = Edits()
        self._due: dict[Lane, float] = {}
        self._last_turn = -inf

    def look(self, lane: Lane, instance: ComputeInstance, now: float) -> None:
        """Take note of what *instance* shows."""
        if self._edits.is_new(lane) and instance.jobs:
            self._due[lane] = self._last_turn = max(now, self._last_turn + 1 / COMPARED_A_SECOND)
        if self._edits.look(lane, instance):
            self._due[lane] = now

    def due_in(self, lane: Lane, now: float) -> float | None:
        """In how many seconds the instance in *lane* is to be compared with the log, 0 if at once; None if
        nobody doubts it."""
        due = self._due.get(lane)
        return None if due is None else max(0.0, due - now)

    def settle(self, lane: Lane) -> None:
        """Somebody was asked to compare it."""
        self._due.pop(lane, None)

    def forget(self, lane: Lane) -> None:
        """The instance is gone."""
        self._edits.forget(lane)
        self._due.pop(lane, None)
