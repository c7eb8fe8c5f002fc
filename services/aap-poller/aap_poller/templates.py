"""Templates by name: which one to launch, and which jobs are of them.

::

    look up ──► one that prompts for variables     launch it
            ├── none                               TemplateNotFound
            ├── several                            TemplateAmbiguous, never "the first one"
            ├── one that does not                  VariablesIgnored
            └── 403                                Forbidden, with the role that is missing
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aap_poller.controller import Controller, Template, TemplateKind
from cloudkit.contracts.errors import Forbidden, Refused
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.ports import Clock

TEMPLATE_NOT_FOUND = "TemplateNotFound"
TEMPLATE_AMBIGUOUS = "TemplateAmbiguous"
VARIABLES_IGNORED = "VariablesIgnored"

LOOK_AGAIN_AFTER = 300.0
LOOK_AGAIN_AFTER_REFUSAL = 10.0
"""In seconds: how soon a template that somebody mends is noticed, however many launches wait for it."""
MOST_NAMED = 10
"""How many templates a message names."""
KINDS = {TemplateKind.JOB: "job template", TemplateKind.WORKFLOW: "workflow template"}


@dataclass(frozen=True)
class Known:
    """What AAP had of one name, and when (monotonic) it was asked."""

    templates: Sequence[Template]
    asked_at: float


class Templates:
    """The templates that we launch, by their *names*, in one *organization* (empty: in any)."""

    def __init__(
        self, aap: Controller, clock: Clock, names: Mapping[JobType, str], organization: str = ""
    ) -> None:
        self._aap = aap
        self._clock = clock
        self._names = names
        self._organization = organization
        self._known: dict[str, Known] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def find(self, type: JobType) -> Template:
        """The template to launch for *type*.

        Raises `Refused` with a reason when there is none, when there are several, or when it would
        ignore our variables and run without the resource; and what `Controller.templates` raises.
        """
        name = self._names[type]
        return _usable(self._described(name), await self._named(name))

    async def ids(self, *more: str) -> frozenset[int]:
        """The ids of every template that has one of our names, or one of the names *more*."""
        named = [await self._named(name) for name in dict.fromkeys((*self._names.values(), *more)) if name]
        return frozenset(template.id for templates in named for template in templates)

    async def ids_of_all(self, *more: str) -> frozenset[int]:
        """Like `ids`; but empty, which means any template, when one of the names is gone: then there may
        be jobs of ours whose template no longer tells."""
        for name in (*self._names.values(), *more):
            if name and not await self._named(name):
                return frozenset()
        return await self.ids(*more)

    def forget(self, template: Template) -> None:
        """It is not as we thought: look it up again."""
        self._known.pop(template.name, None)

    async def _named(self, name: str) -> Sequence[Template]:
        async with self._asking.setdefault(name, asyncio.Lock()):
            known, now = self._known.get(name), self._clock.monotonic()
            if known is None or now - known.asked_at >= _good_for(known.templates):
                known = self._known[name] = Known(await self._look_up(name), now)
            return known.templates

    async def _look_up(self, name: str) -> Sequence[Template]:
        try:
            return await self._aap.templates(name, self._organization)
        except Forbidden as forbidden:
            text = f"{forbidden.message}. The token's user needs Read on template {self._described(name)}"
            raise Forbidden(text, system="AAP", status=forbidden.status) from forbidden

    def _described(self, name: str) -> str:
        where = f" of organization '{self._organization}'" if self._organization else ""
        return f"'{name}'{where}"


def _good_for(found: Sequence[Template]) -> float:
    fine = len(found) == 1 and found[0].ask_variables_on_launch
    return LOOK_AGAIN_AFTER if fine else LOOK_AGAIN_AFTER_REFUSAL


def _usable(described: str, found: Sequence[Template]) -> Template:
    if not found:
        text = (
            f"Template {described} not found: neither a job template nor a workflow template has this name, "
            "or the token's user may not read it"
        )
        raise Refused(text, system="AAP", reason=TEMPLATE_NOT_FOUND)
    if len(found) > 1:
        text = (
            f"Template {described} is ambiguous: set CLOUDKIT_AAP_ORGANIZATION, or rename all but one of "
            f"{_listed(found)}"
        )
        raise Refused(text, system="AAP", reason=TEMPLATE_AMBIGUOUS)
    (template,) = found
    if not template.ask_variables_on_launch:
        raise ignores_variables(template)
    return template


def ignores_variables(template: Template) -> Refused:
    """Why *template* cannot be launched: it would run without the resource."""
    survey = " (its survey lets through only what it asks for itself)" if template.survey_enabled else ""
    text = (
        f"The {KINDS[template.type]} '{template.name}' ignores our variables{survey}: "
        "tick 'Prompt on launch' for its variables"
    )
    return Refused(text, system="AAP", reason=VARIABLES_IGNORED)


def _listed(found: Iterable[Template]) -> str:
    told = [f"{one.type} {one.id} ({_home(one)})" for one in found]
    return ", ".join(told[:MOST_NAMED]) + (", and others" if len(told) > MOST_NAMED else "")


def _home(template: Template) -> str:
    return f"organization '{template.organization}'" if template.organization else "no organization"
