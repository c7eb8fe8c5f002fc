"""What a handler answers. `cloudkit.runtime.delivery` alone turns it into ack, nak or term."""

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Done:
    """Nothing more to do for this message."""


@dataclass(frozen=True)
class Later:
    """Give me this message again after *delay* seconds."""

    delay: float
    because: str


@dataclass(frozen=True)
class Never:
    """Nobody can ever handle this message: keep it as a dead letter."""

    because: str


Answer: TypeAlias = Done | Later | Never

DONE = Done()


@dataclass(frozen=True)
class Received(Generic[T]):
    """A message as a handler sees it.

    ``age`` is how long ago the server stored it, in seconds by the server's clock; ``deliveries``
    counts this one.
    """

    body: T
    sequence: int
    age: float
    deliveries: int
