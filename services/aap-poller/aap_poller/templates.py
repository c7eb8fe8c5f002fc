"""Templates by name, looked up once."""

import asyncio

from aap_poller.controller import Controller, Template, TemplateKind
from cloudkit.contracts.errors import Refused

TEMPLATE_NOT_FOUND = "TemplateNotFound"
TEMPLATE_AMBIGUOUS = "TemplateAmbiguous"
VARIABLES_IGNORED = "VariablesIgnored"


class Templates:
    """The templates that we launch, remembered until AAP says that one is gone."""

    def __init__(self, aap: Controller) -> None:
        self._aap = aap
        self._known: dict[str, Template] = {}
        self._looking: dict[str, asyncio.Lock] = {}

    async def find(self, name: str) -> Template:
        """The one template called *name* that takes our variables.

        Raises `Refused` with a reason when there is none, when there are several, or when it would
        ignore our variables and run without the resource; and what `Controller.templates` raises.
        """
        async with self._looking.setdefault(name, asyncio.Lock()):
            if name not in self._known:
                self._known[name] = await self._look_up(name)
        return self._known[name]

    def forget(self, name: str) -> None:
        """AAP does not know it any more: look it up again."""
        self._known.pop(name, None)

    async def _look_up(self, name: str) -> Template:
        found = await self._aap.templates(name)
        if not found:
            text = (
                f"Template '{name}' not found: neither a job template nor a workflow template has this name"
            )
            raise Refused(text, system="AAP", reason=TEMPLATE_NOT_FOUND)
        if len(found) > 1:
            several = ", ".join(f"{template.type} {template.id}" for template in found)
            text = f"Template '{name}' is ambiguous: {several}; rename all but one"
            raise Refused(text, system="AAP", reason=TEMPLATE_AMBIGUOUS)
        return _accepting_variables(found[0])


def _accepting_variables(template: Template) -> Template:
    if template.ask_variables_on_launch:
        return template
    kind = "workflow template" if template.type is TemplateKind.WORKFLOW else "job template"
    text = f"The {kind} '{template.name}' ignores our variables: tick 'Prompt on launch' for its variables"
    raise Refused(text, system="AAP", reason=VARIABLES_IGNORED)
