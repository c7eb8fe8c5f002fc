"""What waits in a lane: one errand for each message, which is answered when the errand is done."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.instance import InstanceRef


@dataclass(eq=False, kw_only=True)
class Errand:
    """Say on the resource of *ref* what *events* tell, by monotonic time *due*."""

    ref: InstanceRef
    events: tuple[JobEvent, ...] = ()
    due: float
    looks: bool = False
    """Whether it begins with a look at the live resource and the whole log: a `Reconcile`, until that is
    done."""
    looked: bool = False
    """Whether the whole log is among its events already."""
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


def events_of(errands: Iterable[Errand]) -> tuple[JobEvent, ...]:
    """All that *errands* tell. Some may tell the same."""
    return tuple(chain.from_iterable(errand.events for errand in errands))
