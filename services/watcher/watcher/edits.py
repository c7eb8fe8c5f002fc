"""Notices when the jobs in a status were changed by anybody but us: by hand, or from a backup."""

from collections.abc import Mapping

from cloudkit.contracts.instance import ComputeInstance
from cloudkit.runtime.lanes import Lane

Shown = Mapping[int, tuple[int, int]]
"""Of each number, the revision and a hash of what decides."""


class Edits:
    """Remembers what each instance showed last."""

    def __init__(self) -> None:
        self._shown: dict[Lane, Shown] = {}

    def is_new(self, lane: Lane) -> bool:
        """Whether nothing has been seen of the instance in *lane* yet."""
        return lane not in self._shown

    def look(self, lane: Lane, instance: ComputeInstance) -> bool:
        """Whether its jobs went back, or changed without a new revision, since the last look."""
        before, now = self._shown.get(lane, {}), _shown(instance)
        self._shown[lane] = now
        went_back = bool(before) and max(now, default=0) < max(before)
        return went_back or any(
            _was_edited(before[number], now[number]) for number in before if number in now
        )

    def forget(self, lane: Lane) -> None:
        self._shown.pop(lane, None)


def _was_edited(before: tuple[int, int], now: tuple[int, int]) -> bool:
    return now[0] < before[0] or (now[0] == before[0] and now[1] != before[1])


def _shown(instance: ComputeInstance) -> Shown:
    return {
        job.number: (job.revision, hash((job.state, job.type, job.job_id, job.config_version)))
        for job in instance.jobs
    }
