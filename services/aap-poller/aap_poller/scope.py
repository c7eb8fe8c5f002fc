"""Which jobs a list of AAP is of, for those that AAP cannot list: the filters of the list, once more."""

from dataclasses import dataclass
from datetime import datetime

from aap_poller.reading import LONG_AGO
from aap_poller.rows import Row


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The jobs of ``templates`` (empty: of all), and those whose template was deleted, that were created
    and changed then; None does not matter."""

    templates: frozenset[int]
    created_since: datetime | None = None
    created_before: datetime | None = None
    changed_since: datetime | None = None

    def has(self, row: Row) -> bool:
        """Whether *row* belongs there. One that cannot be read in full does: it must not be missed."""
        if self.templates and row.unified_job_template not in (None, *self.templates):
            return False
        if row.created == LONG_AGO:
            return True
        return self._was_created_then(row) and self._has_changed_since(row)

    def _was_created_then(self, row: Row) -> bool:
        since, before = self.created_since, self.created_before
        return (since is None or row.created >= since) and (before is None or row.created < before)

    def _has_changed_since(self, row: Row) -> bool:
        since = self.changed_since
        return since is None or row.created >= since or (row.finished is not None and row.finished >= since)
