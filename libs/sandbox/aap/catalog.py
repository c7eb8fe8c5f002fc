"""The templates that the controller knows, and how a URL names one."""

import re
from collections.abc import Iterable, Iterator

import msgspec

from sandbox.aap.model import LAUNCHABLE, Template, TemplateKind
from sandbox.aap.subjects import purpose_of

FIRST_ID = 7

DEFAULT_TEMPLATES = tuple(
    template
    for name in ("innabox-create-compute-instance", "innabox-delete-compute-instance")
    for template in (
        Template(name=name),
        Template(name=f"{name}-workflow", kind=TemplateKind.WORKFLOW_JOB_TEMPLATE, nodes=(name,)),
    )
)


class Catalog:
    """Templates by id. Ids are shared by both kinds, and never used twice."""

    def __init__(self, templates: Iterable[Template]) -> None:
        self._templates: dict[int, Template] = {}
        self._organizations: dict[str, int] = {}
        self._next_id = FIRST_ID
        for template in templates:
            self.put(template)

    def __iter__(self) -> Iterator[Template]:
        return iter(self._templates.values())

    def put(self, template: Template) -> Template:
        """Add *template*, or change the one that has its id."""
        template = msgspec.structs.replace(
            template,
            id=template.id or self._next_id,
            purpose=template.purpose or purpose_of(template.name),
        )
        self._next_id = max(self._next_id, template.id + 1)
        self._organizations.setdefault(template.organization, len(self._organizations) + 1)
        self._templates[template.id] = template
        return template

    def remove(self, id: int) -> bool:
        """Whether there was one with this *id*."""
        return self._templates.pop(id, None) is not None

    def organization_id(self, template: Template) -> int:
        return self._organizations[template.organization]

    def now(self, template: Template) -> Template:
        """*template* as it is now, if it still exists; or else as it was."""
        return self._templates.get(template.id, template)

    def of_kinds(self, *kinds: TemplateKind) -> list[Template]:
        """Those of *kinds*, by id."""
        return sorted((one for one in self._templates.values() if one.kind in kinds), key=lambda one: one.id)

    def at_url(self, kind: TemplateKind, segment: str) -> Template | None:
        """The template that a URL names by id, or by ``name++organization``.

        A bare name is taken for job templates alone, and means that of the oldest organization.
        """
        if segment.isdecimal() and int(segment) > 0:
            template = self._templates.get(int(segment))
            return template if template is not None and template.kind is kind else None
        name, separator, organization = _split_named_url(segment)
        named = [one for one in self.of_kinds(kind) if one.name == name]
        if separator:
            return next((one for one in named if one.organization == organization), None)
        if kind is TemplateKind.JOB_TEMPLATE:
            return min(named, key=self.organization_id, default=None)
        return None

    def node_templates(self, workflow: Template) -> list[Template]:
        """What *workflow* runs; of a job and a workflow template of one name the former."""
        by_name = {one.name: one for kind in reversed(LAUNCHABLE) for one in self.of_kinds(kind)}
        return [by_name[name] for name in workflow.nodes if name in by_name]

    def approval_templates(self, workflow: Template) -> list[Template]:
        """The steps of *workflow* at which a person decides."""
        return [
            Template(
                id=workflow.id * 1000 + number,
                name=name,
                kind=TemplateKind.WORKFLOW_APPROVAL_TEMPLATE,
                organization=workflow.organization,
            )
            for number, name in enumerate(workflow.approvals, start=1)
        ]


def _split_named_url(segment: str) -> tuple[str, str, str]:
    """``name++organization`` in three; a plus that belongs to a name is written ``[+]``."""
    name, separator, organization = re.sub(r"\[\+\]", "\0", segment).partition("++")
    return name.replace("\0", "+"), separator, organization.replace("\0", "+")
