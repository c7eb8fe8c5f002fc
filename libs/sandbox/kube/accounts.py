"""Accounts of the stand-in beside its administrator: their tokens, and who says what they may do.

The stand-in knows no roles. Whoever wants to see what somebody asks for, or to forbid it, decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Right(NamedTuple):
    """What somebody does, or may do, in the words of a role: ``patch``, ``computeinstances/status``."""

    verb: str
    group: str
    resource: str


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """``tokens`` are those of each user, by name; ``may`` is asked before each request of theirs."""

    tokens: Mapping[str, str]
    may: Callable[[str, Right], bool]


def _never(_user: str, _right: Right) -> bool:
    return False


NOBODY = Accounts(tokens={}, may=_never)
"""Who is impersonated may do nothing; administrators are not asked about."""
