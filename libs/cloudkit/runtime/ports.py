"""The ports through which handlers reach the world.

A handler gets these handed in and knows nothing else. The real ones are `cloudkit.runtime.bus` and
`cloudkit.runtime.kube`; tests and the simulator have their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cloudkit.contracts.events import JobEvent
from cloudkit.contracts.instance import ComputeInstance, InstanceRef
from cloudkit.contracts.intents import Intent
from cloudkit.contracts.notices import Notice
from cloudkit.contracts.subjects import Addressee


class Clock(Protocol):
    """The time of this process. Ages are taken from `monotonic`, never from `now`."""

    def now(self) -> datetime:
        """Wall-clock time, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""
        ...

    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far the job log of one instance had come when it was read.

    ``sequence`` is that of the last event of the instance's *name* (0: there is none), which is what
    the next append expects. ``read_at`` is a `Clock.monotonic` time taken *before* the read was sent.
    """

    instance: InstanceRef
    sequence: int
    read_at: float
    of_name: JobEvent | None
    """The last event of the name, whichever its uid."""
    of_uid: JobEvent | None
    """The last event of this uid."""

    @property
    def foreign(self) -> JobEvent | None:
        """The last event of the name, when it is another uid's."""
        return None if self.of_name == self.of_uid else self.of_name


@dataclass(frozen=True)
class LogEpoch:
    """Which log this is: a log that was lost and made again has another ``created``.

    ``age`` is in seconds, by the server's own clock.
    """

    created: datetime
    age: float


class JobLog(Protocol):
    """The append-only log of job events (stream CLOUDKIT_JOBS).

    Every call raises `Unreachable` or `Unanswered` when the bus is away.
    """

    async def position(self, instance: InstanceRef) -> Position:
        """Read from the stream's leader where *instance* stands."""
        ...

    async def append(self, event: JobEvent, at: Position, *, id: str | None = None) -> Position:
        """Append *event* and say where the instance stands then.

        *id* is the message id, a fresh UUID if not given; an append whose answer is lost is sent
        again under the same id. Raises `Conflict` when anything was appended for the name since
        *at* was read, and when *at* is older than 10 s; `Unanswered` when it may or may not stand
        in the log.
        """
        ...

    async def history(self, instance: InstanceRef) -> tuple[JobEvent, ...]:
        """Every event of this uid, oldest first."""
        ...

    async def epoch(self) -> LogEpoch:
        """Which log this is, and how old."""
        ...


@dataclass(frozen=True)
class Outstanding:
    """An intent that waits in the stream."""

    addressee: Addressee
    instance: InstanceRef
    sequence: int


class Intents(Protocol):
    """The board of intents (stream CLOUDKIT_INTENTS): one per instance and addressee.

    Every call raises `Unreachable` or `Unanswered` when the bus is away.
    """

    async def publish(self, addressee: Addressee, intent: Intent) -> None:
        """Ask *addressee* for *intent*, in place of what was asked before about this instance."""
        ...

    async def outstanding(self, namespace: str = "") -> Sequence[Outstanding]:
        """Every intent that waits (of one namespace, unless empty)."""
        ...

    async def withdraw(self, instance: InstanceRef) -> None:
        """Purge the intents of this uid; those of a later uid of the name stay."""
        ...


class Instances(Protocol):
    """ComputeInstances in Kubernetes, one at a time.

    Every call raises `Unreachable`, `Unanswered` or a `Refused`.
    """

    async def get(self, namespace: str, name: str) -> ComputeInstance | None:
        """The resource, or None if there is none."""
        ...

    async def patch_status(self, instance: ComputeInstance, status: dict[str, Any]) -> ComputeInstance:
        """Merge *status* into the resource's status, if it still is as *instance* (uid and
        resourceVersion); None in *status* removes a field. Raises `Conflict` or `NotFound`."""
        ...

    async def set_finalizers(self, instance: ComputeInstance, finalizers: Sequence[str]) -> None:
        """Replace the finalizers, if the resource still is as *instance* (uid and
        resourceVersion). Raises `Conflict` or `NotFound`."""
        ...


class Noticeboard(Protocol):
    """Kubernetes Events about ComputeInstances.

    Every call raises `Unreachable`, `Unanswered` or a `Refused`.
    """

    async def tell(self, instance: ComputeInstance, notice: Notice) -> None:
        """Record *notice* about *instance*; told again while the event is kept, it is counted there."""
        ...
