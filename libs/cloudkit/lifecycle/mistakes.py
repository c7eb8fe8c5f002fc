"""What people wrote on a resource that cannot be followed. It counts as not written, and they are told."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from cloudkit.contracts.instance import (
    ABANDON_ANNOTATION,
    LONGEST_RETRY_REQUEST,
    MANAGED,
    MANAGEMENT_ANNOTATION,
    PAUSED_ANNOTATION,
    PROVIDER_ANNOTATION,
    RESTART_FIELD,
    RETRY_ANNOTATION,
    UNMANAGED,
    decode,
)
from cloudkit.contracts.jobs import Provider
from cloudkit.lifecycle.policy import Policy
from cloudkit.lifecycle.situation import Situation
from cloudkit.lifecycle.texts import shorten

INVALID_ANNOTATION = "InvalidAnnotation"
INVALID_FIELD = "InvalidField"
CONTRADICTION = "Contradiction"
QUOTED_BYTES = 40


class Mistake(msgspec.Struct, frozen=True):
    """Something that cannot be followed: a ``reason`` in one word, and a sentence that names the field."""

    reason: str
    message: str


def mistakes(situation: Situation) -> tuple[Mistake, ...]:
    """Everything that the instance says and that cannot be followed."""
    return (*_of_annotations(situation), *_of_the_restart(situation))


def _of_annotations(situation: Situation) -> Iterator[Mistake]:
    for name, check in CHECKS.items():
        value = situation.instance.says(name)
        problem = check(value, situation.policy) if value else None
        if problem is not None:
            yield Mistake(INVALID_ANNOTATION, f"Annotation {name} says {_quoted(value)}: {problem}")


def _provider(value: str, policy: Policy) -> str | None:
    if value in policy.providers:
        return None
    here = " or ".join(f'"{provider}"' for provider in sorted(policy.providers))
    why = "that provider does not run here" if value in set(Provider) else "there is no such provider"
    return f'{why}; it may say {here} (CLOUDKIT_PROVIDERS), and counts as "{policy.provider}"'


def _pause(value: str, _: Policy) -> str | None:
    known = value.lower() in ("true", "false")
    return None if known else 'it may say "true" or "false", and counts as "false"'


def _management(value: str, _: Policy) -> str | None:
    known = value.lower() in (MANAGED, UNMANAGED)
    return None if known else f'it may say "{MANAGED}" or "{UNMANAGED}", and counts as "{MANAGED}"'


def _abandoned(value: str, _: Policy) -> str | None:
    known = re.fullmatch("[1-9][0-9]*", value)
    return None if known else "it may hold the number of a job in status.jobs, and nothing is abandoned"


def _retry(value: str, _: Policy) -> str | None:
    fits = len(value) <= LONGEST_RETRY_REQUEST
    return None if fits else f"only its first {LONGEST_RETRY_REQUEST} characters count"


Check: TypeAlias = Callable[[str, Policy], str | None]
CHECKS: Mapping[str, Check] = {
    PROVIDER_ANNOTATION: _provider,
    PAUSED_ANNOTATION: _pause,
    MANAGEMENT_ANNOTATION: _management,
    ABANDON_ANNOTATION: _abandoned,
    RETRY_ANNOTATION: _retry,
}
"""What each annotation may say: why a value cannot be followed, or None."""


def _of_the_restart(situation: Situation) -> Iterator[Mistake]:
    wish = decode(situation.instance.spec, dict).get(RESTART_FIELD)
    if wish is not None and situation.instance.restart_requested_at is None:
        text = f"Field spec.{RESTART_FIELD} says {_quoted(str(wish))}: it may hold a time such as"
        yield Mistake(INVALID_FIELD, f"{text} 2026-01-02T15:04:05Z, and nothing is restarted")
    if situation.restart_wanted is not None and situation.left_alone:
        text = f"Field spec.{RESTART_FIELD} asks for a restart, and annotation {MANAGEMENT_ANNOTATION}"
        yield Mistake(CONTRADICTION, f'{text} says "{UNMANAGED}": nothing is restarted')


def _quoted(value: str) -> str:
    return f'"{shorten(value, QUOTED_BYTES)}"'
