"""Accounts of the stand-in beside its administrator: their tokens, and who says what they may do.

The stand-in knows no roles. Whoever wants to see what somebody asks for, or to forbid it, decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


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

    def rules(self, user: tuple[str, Any], verb: str, resource: Any, _: object, subresource: str) -> bool:  # noqa: ANN401  # the emulator is untyped
        """`may`, as the emulator asks it."""
        name = f"{resource.plural}/{subresource}" if subresource else resource.plural
        return self.may(user[0], Right(verb, resource.group, name))


def _never(_user: str, _right: Right) -> bool:
    return False


NOBODY = Accounts(tokens={}, may=_never)
"""Who is impersonated may do nothing; administrators are not asked about."""
