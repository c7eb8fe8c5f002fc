"""The feed of ComputeInstances: everything there is, then everything that changes, for ever.

::

    Listing ─► Listed ─► Changed │ Gone … ─► Listing ─► Listed ─► …

A change that comes twice, or stands in the next `Listed` already, does no harm; one that is missed
shows in the next `Listed`.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import msgspec

from cloudkit.contracts.instance import ComputeInstance


@dataclass(frozen=True)
class Seen:
    """An instance, and the whole resource as the server sent it."""

    instance: ComputeInstance
    raw: msgspec.Raw


@dataclass(frozen=True)
class Listing:
    """All instances are about to be read. What one reads elsewhere now is older than the list."""


@dataclass(frozen=True)
class Listed:
    """All instances that exist."""

    seen: tuple[Seen, ...]


@dataclass(frozen=True)
class Changed:
    """An instance was created or changed."""

    seen: Seen


@dataclass(frozen=True)
class Gone:
    """An instance was removed; this was its last state."""

    seen: Seen


FeedEvent: TypeAlias = Listing | Listed | Changed | Gone


class Feed(Protocol):
    """Where the watcher hears from Kubernetes."""

    def events(self) -> AsyncGenerator[FeedEvent, None]:
        """The events, without end. Troubles are waited out and show in the health of the process."""
        ...
