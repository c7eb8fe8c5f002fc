"""Settings are declared as fields of a frozen dataclass and read from the environment, once.

::

    @dataclass(frozen=True, kw_only=True)
    class Settings(CommonSettings):
        poll_interval: float = setting("CLOUDKIT_AAP_STATUS_POLL_INTERVAL", duration,
                                       default="30s", minimum=1, doc="How often a job is asked for.")

A bad value is never replaced by a default: `read_settings` tells every problem at once. An empty
value counts as not set. A class may check fields against each other in ``__post_init__`` and raise
`Misconfigured`.
"""

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.settings.kinds import Kind

S = TypeVar("S")
T = TypeVar("T")

PREFIX = "CLOUDKIT_"
ALIKE = 0.85  # of 1: how much of two names must agree for one to be a slip of the other


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What one field says about its variable.

    Without a ``default`` the variable is required; with an ``instead`` it is, unless that one is set.
    """

    variable: str
    kind: Kind[Any]
    meaning: str
    default: str | None
    minimum: float | None
    maximum: float | None
    instead: str = ""

    def is_required(self, environ: Mapping[str, str]) -> bool:
        if self.instead:
            return not environ.get(self.instead, "").strip()
        return self.default is None

    @property
    def expected(self) -> str:
        """The kind's expectation with the bounds."""
        if self.minimum is None and self.maximum is None:
            return self.kind.expected
        if self.maximum is None:
            return f"{self.kind.expected}, at least {self.kind.show(self.minimum)}"
        if self.minimum is None:
            return f"{self.kind.expected}, at most {self.kind.show(self.maximum)}"
        bounds = f"from {self.kind.show(self.minimum)} to {self.kind.show(self.maximum)}"
        return f"{self.kind.expected}, {bounds}"

    def read(self, given: str) -> object:
        """The value in *given*. Raises `ValueError`."""
        value = self.kind.read(given)
        if self.minimum is not None and value < self.minimum:
            raise ValueError(given)
        if self.maximum is not None and value > self.maximum:
            raise ValueError(given)
        return value


@dataclass(frozen=True, kw_only=True)
class Row:
    """One setting, for people. ``default`` is empty when there is none."""

    variable: str
    default: str
    meaning: str
    kind: str
    required: bool


def setting(
    variable: str,
    kind: Kind[T],
    *,
    doc: str,
    default: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    instead: str = "",
) -> T:
    """A field of a settings class: environment *variable* of *kind*, described by *doc*.

    *default* is written as it would be in the environment; without one the variable is required,
    and with an empty one the value is "nothing": an empty text or secret, None for an `optional` kind.
    *minimum* and *maximum* are in the unit of the value (seconds for a duration). One with a default is
    required all the same as long as the variable *instead* is not set.
    """
    declared = Declaration(
        variable=variable,
        kind=kind,
        meaning=doc,
        default=default,
        minimum=minimum,
        maximum=maximum,
        instead=instead,
    )
    metadata = {"declaration": declared}
    if default is None:
        return cast("T", dataclasses.field(metadata=metadata))
    return cast("T", dataclasses.field(default=_value_of_default(declared), metadata=metadata))


def read_settings(settings: type[S], environ: Mapping[str, str]) -> S:
    """The *settings* that *environ* asks for. Raises `Misconfigured` with every problem at once."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    slips = misspelled(settings, environ)
    for name, declared in _declarations(settings).items():
        given = environ.get(declared.variable, "").strip()
        if given:
            try:
                values[name] = declared.read(given)
            except ValueError:
                problems.append(_bad(declared, given))
        elif declared.is_required(environ):
            problems.append(_missing(declared, slips))
    if problems:
        raise Misconfigured(*problems)
    return settings(**values)


def describe(settings: type[Any]) -> tuple[Row, ...]:
    """Every setting of the class, in the order of declaration."""
    return tuple(
        Row(
            variable=declared.variable,
            default=declared.default or "",
            meaning=declared.meaning,
            kind=declared.kind.name,
            required=declared.default is None,
        )
        for declared in _declarations(settings).values()
    )


def misspelled(settings: type[Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Variables in *environ* that look like slips of one of *settings*, each with that one."""
    known = [declared.variable.removeprefix(PREFIX) for declared in _declarations(settings).values()]
    unset = [name for name in known if PREFIX + name not in environ]
    slips = {}
    for variable in sorted(environ):
        name = variable.removeprefix(PREFIX)
        if variable.startswith(PREFIX) and name not in known:
            for near in difflib.get_close_matches(name, unset, n=1, cutoff=ALIKE):
                slips[variable] = PREFIX + near
    return slips


def _declarations(settings: type[Any]) -> dict[str, Declaration]:
    return dict(_declared_fields(settings))


def _declared_fields(settings: type[Any]) -> Iterator[tuple[str, Declaration]]:
    for field in dataclasses.fields(settings):
        if "declaration" in field.metadata:
            yield field.name, field.metadata["declaration"]


def _value_of_default(declared: Declaration) -> object:
    if declared.default:
        return declared.read(declared.default)
    return declared.kind.unset


def _bad(declared: Declaration, given: str) -> str:
    return f"{declared.variable} is {declared.kind.conceal(given)}, but must be {declared.expected}"


def _missing(declared: Declaration, slips: Mapping[str, str]) -> str:
    required = f"is required, or {declared.instead} instead" if declared.instead else "is required"
    problem = f"{declared.variable} {required}: {declared.expected}. {declared.meaning}"
    for slip, meant in slips.items():
        if meant == declared.variable:
            problem += f" ({slip} is set: a slip?)"
    return problem
