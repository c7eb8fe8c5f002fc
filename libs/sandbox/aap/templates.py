"""Templates as JSON, and what may be asked of a launch."""

from collections.abc import Mapping
from typing import Any

from sandbox.aap.catalog import Catalog
from sandbox.aap.model import Template, TemplateKind
from sandbox.aap.rows import template_url

JOB_PROMPTS: Mapping[str, Any] = {
    "inventory": 1,
    "credentials": [],
    "scm_branch": "",
    "diff_mode": False,
    "job_tags": "",
    "job_type": "run",
    "skip_tags": "",
    "limit": "",
    "verbosity": 0,
    "execution_environment": None,
    "labels": [],
    "forks": 0,
    "job_slice_count": 1,
    "timeout": 0,
    "instance_groups": [],
}
"""The launch fields of a job template besides extra_vars, with the value that the template has."""
WORKFLOW_PROMPTS: Mapping[str, Any] = {
    "inventory": None,
    "limit": None,
    "scm_branch": None,
    "labels": [],
    "skip_tags": None,
    "job_tags": None,
}
_FLAGS = {
    "extra_vars": "ask_variables_on_launch",
    "credentials": "ask_credential_on_launch",
    "job_tags": "ask_tags_on_launch",
    "labels": "ask_labels_on_launch",
    "instance_groups": "ask_instance_groups_on_launch",
}


def prompts_of(template: Template) -> Mapping[str, Any]:
    """The launch fields that *template*'s kind has, besides extra_vars."""
    if template.kind is TemplateKind.WORKFLOW_JOB_TEMPLATE:
        return WORKFLOW_PROMPTS
    return {**JOB_PROMPTS, "job_slice_count": template.job_slice_count}


def ask_flags(template: Template) -> dict[str, bool]:
    """``ask_…_on_launch`` for each launch field."""
    return {
        _FLAGS.get(name, f"ask_{name}_on_launch"): template.asks_for(name)
        for name in ("extra_vars", *prompts_of(template))
    }


def template_row(template: Template, catalog: Catalog) -> dict[str, Any]:
    """*template* as lists and its own URL have it."""
    url = template_url(template)
    organization = {
        "id": catalog.organization_id(template),
        "name": template.organization,
        "description": "",
    }
    common = {
        "id": template.id,
        "type": template.kind,
        "url": url,
        "related": {"launch": f"{url}launch/"},
        "summary_fields": {"organization": organization},
        "created": "2026-01-01T00:00:00.000000Z",
        "modified": "2026-01-01T00:00:00.000000Z",
        "name": template.name,
        "description": "",
        "organization": organization["id"],
        "extra_vars": "---",
        "survey_enabled": False,
        "allow_simultaneous": template.allow_simultaneous,
        "status": "never updated",
    }
    return common | ask_flags(template) | _of_kind(template)


def _of_kind(template: Template) -> dict[str, Any]:
    if template.kind is TemplateKind.WORKFLOW_JOB_TEMPLATE:
        return dict(WORKFLOW_PROMPTS)
    return {
        **prompts_of(template),
        "project": 6,
        "playbook": f"playbook_{template.name.replace('-', '_')}.yml",
    }


def launch_requirements(template: Template, catalog: Catalog) -> dict[str, Any]:
    """What GET on *template*'s launch URL says."""
    requirements = {
        "can_start_without_user_input": True,
        "survey_enabled": False,
        "variables_needed_to_start": [],
        "defaults": {"extra_vars": "---", **prompts_of(template)},
        f"{template.kind}_data": {"name": template.name, "id": template.id, "description": ""},
    } | ask_flags(template)
    if template.kind is TemplateKind.WORKFLOW_JOB_TEMPLATE:
        found = {one.name for one in catalog.node_templates(template)}
        missing = [name for name in template.nodes if name not in found]
        return requirements | {"node_templates_missing": missing, "node_prompts_rejected": []}
    return requirements | {
        "passwords_needed_to_start": [],
        "credential_needed_to_start": False,
        "inventory_needed_to_start": False,
    }
