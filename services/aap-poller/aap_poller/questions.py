"""What lists of jobs are asked."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Self

from aap_poller.exchange import Parameters
from cloudkit.contracts.jobs import JobKind

PATHS = {JobKind.JOB: "jobs", JobKind.WORKFLOW_JOB: "workflow_jobs"}
LAST_ID = 2**31 - 1
"""AWX's source: ids of jobs are integers of the database."""


@dataclass(frozen=True)
class Question:
    """A list of jobs of *kind*: those that fit *parameters*, with ids above *after*. If these name the ids,
    they are *among* them."""

    kind: JobKind
    parameters: Parameters
    after: int = 0
    among: frozenset[int] = frozenset()

    @property
    def path(self) -> str:
        return f"{PATHS[self.kind]}/"

    @property
    def query(self) -> Parameters:
        return {**self.parameters, "id__gt": self.after} if self.after else self.parameters

    @property
    def bounds(self) -> tuple[int, int]:
        """The ids on the list are above the first and not above the second."""
        if self.among:
            return min(self.among) - 1, max(self.among)
        return self.after, LAST_ID

    def may_have(self, id: int) -> bool:
        return id in self.among if self.among else id > self.after

    def part(self, after: int, last: int) -> Parameters:
        """The part of it with ids above *after* and not above *last*."""
        return {**self.parameters, "id__gt": after, "id__lte": last}

    def without(self, ids: Collection[int]) -> Self:
        """The same list, with none of *ids* on it (AWX's source: ``not__`` may precede any filter)."""
        if not ids:
            return self
        some = ",".join(str(id) for id in sorted(ids))
        return replace(self, parameters={**self.parameters, "not__id__in": some})
