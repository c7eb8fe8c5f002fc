"""The rules of a Lease: when it is free, and what stands in it when somebody takes it or gives it up.

::

    nobody holds it                                    free
    another holds it, and it changed since last seen   its time begins anew, by our own clock
    another holds it, unchanged for its duration       free: the holder is gone
    we hold it                                         ours, for the renew deadline since we last wrote it

Clocks of hosts differ, so the times in a Lease are for people: nobody compares them with anything. The
holder counts from before its write, the others from after their read, and the holder's time is the shorter
one; so nobody takes a Lease whose holder still relies on it, as long as clocks run equally fast.
"""

from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Protocol

import msgspec

RELEASED_SECONDS = 1
"""What a Lease says of its duration when nobody holds it; the API server refuses 0."""


class LeaseSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What a Lease says, as Kubernetes writes it."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None

    @property
    def holder(self) -> str:
        """Who holds it; empty for nobody."""
        return self.holder_identity or ""


@dataclass(frozen=True)
class LeaseEntry:
    """What a Lease said in one *version* of it."""

    spec: LeaseSpec
    version: str


class Lease(Protocol):
    """One Lease, wherever it is kept.

    Every call raises `Unreachable`, `Unanswered`, `Malformed` or a `Refused`.
    """

    async def read(self) -> LeaseEntry | None:
        """What it says now, or None if there is none."""
        ...

    async def create(self, spec: LeaseSpec) -> LeaseEntry:
        """Raises `Conflict` if somebody was faster."""
        ...

    async def change(self, known: LeaseEntry, spec: LeaseSpec) -> LeaseEntry:
        """Have it say *spec*, if it still is as *known*. Raises `Conflict` or `NotFound`."""
        ...


@dataclass(frozen=True, kw_only=True)
class LeaseTimes:
    """In seconds. The longest without a holder is ``duration`` and two looks of those who stand by."""

    duration: float = 10.0
    """Others take a Lease that nobody has renewed for so long."""
    renew_deadline: float = 7.0
    """Its holder relies on it for so long after a renewal."""
    retry: float = 2.0
    """The holder renews it so often."""

    @property
    def look(self) -> float:
        """How often those who stand by look at it."""
        return self.retry / 2

    @property
    def grace(self) -> float:
        """How long work may go on when the Lease is lost, until another may have it."""
        return self.duration - self.renew_deadline


@dataclass(frozen=True)
class Sighting:
    """What a Lease says, and since when (monotonic time) we see it say so."""

    spec: LeaseSpec
    since: float

    @property
    def free_at(self) -> float:
        """When it may be taken, unless it changes before."""
        return self.since + (self.spec.lease_duration_seconds or 0 if self.spec.holder else 0)


def sighted(spec: LeaseSpec, before: Sighting | None, now: float) -> Sighting:
    """What is seen at monotonic time *now*, after a read that was begun *before*."""
    return before if before is not None and before.spec == spec else Sighting(spec, now)


def held_by(me: str, times: LeaseTimes, before: LeaseSpec | None, now: datetime) -> LeaseSpec:
    """What a Lease that said *before* says when *me* takes or renews it."""
    renews = before is not None and before.holder == me
    changes = (before.lease_transitions or 0) + (not renews) if before is not None else 0
    return LeaseSpec(
        holder_identity=me,
        lease_duration_seconds=ceil(times.duration),
        acquire_time=before.acquire_time if before is not None and renews else micro_time(now),
        renew_time=micro_time(now),
        lease_transitions=changes,
    )


def given_up(before: LeaseSpec, now: datetime) -> LeaseSpec:
    """What a Lease that said *before* says when its holder gives it up."""
    return msgspec.structs.replace(
        before, holder_identity="", lease_duration_seconds=RELEASED_SECONDS, renew_time=micro_time(now)
    )


def micro_time(moment: datetime) -> str:
    """*moment* as Kubernetes wants it, with all six digits."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
