"""A `cloudkit.runtime.lease.Lease` in memory, which may be away, or leave requests without an answer."""

import asyncio

from cloudkit.contracts.errors import Conflict, NotFound, Unanswered, Unreachable
from cloudkit.runtime.lease import LeaseEntry, LeaseSpec


class MemoryLease:
    """One for all who want it. Tests set ``away``, ``silent`` (no request is answered) and ``forgetful`` (the
    next change is made, and its answer lost), and count ``changes``."""

    def __init__(self) -> None:
        self.entry: LeaseEntry | None = None
        self.away = False
        self.silent = False
        self.forgetful = False
        self.changes = 0

    @property
    def holder(self) -> str:
        return self.entry.spec.holder if self.entry else ""

    async def read(self) -> LeaseEntry | None:
        await self._reached()
        return self.entry

    async def create(self, spec: LeaseSpec) -> LeaseEntry:
        await self._reached()
        if self.entry is not None:
            raise Conflict("somebody was faster", status=409, reason="AlreadyExists")
        return self._put(spec)

    async def change(self, known: LeaseEntry, spec: LeaseSpec) -> LeaseEntry:
        await self._reached()
        if self.entry is None:
            raise NotFound("there is no lease", status=404)
        if self.entry.version != known.version:
            raise Conflict("it changed since it was read", status=409)
        changed = self._put(spec)
        if self.forgetful:
            self.forgetful = False
            raise Unanswered("the connection broke")
        return changed

    def say(self, spec: LeaseSpec) -> None:
        """Have it say *spec*, as a person does who edits it."""
        self._put(spec)

    def _put(self, spec: LeaseSpec) -> LeaseEntry:
        self.changes += 1
        self.entry = LeaseEntry(spec, str(self.changes))
        return self.entry

    async def _reached(self) -> None:
        if self.away:
            raise Unreachable("connection refused")
        if self.silent:
            await asyncio.Event().wait()
