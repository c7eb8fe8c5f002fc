"""Jobs as JSON.

A row is put together from four pieces: what never changes (encoded once), the extra_vars (quoted
once, at launch), what changes with the status (encoded once per status), and the elapsed time.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from sandbox.aap.model import Job, JobKind, Template, TemplateKind, User

_encode = msgspec.json.encode

COLLECTIONS = {
    JobKind.JOB: "jobs",
    JobKind.WORKFLOW_JOB: "workflow_jobs",
    JobKind.WORKFLOW_APPROVAL: "workflow_approvals",
}
TEMPLATE_COLLECTIONS = {
    TemplateKind.JOB_TEMPLATE: "job_templates",
    TemplateKind.WORKFLOW_JOB_TEMPLATE: "workflow_job_templates",
    TemplateKind.WORKFLOW_APPROVAL_TEMPLATE: "workflow_approval_templates",
}
RELATED = {
    JobKind.JOB: ("cancel", "job_events", "relaunch", "stdout", "labels", "notifications"),
    JobKind.WORKFLOW_JOB: ("cancel", "workflow_nodes", "relaunch", "labels", "notifications"),
    JobKind.WORKFLOW_APPROVAL: ("approve", "deny"),
}


def job_url(job: Job) -> str:
    return f"/api/v2/{COLLECTIONS[job.kind]}/{job.id}/"


def template_url(template: Template) -> str:
    return f"/api/v2/{TEMPLATE_COLLECTIONS[template.kind]}/{template.id}/"


def row(job: Job, now: datetime) -> bytes:
    """*job* as lists have it."""
    return b"%b,%b}" % (_head(job), _tail(job, now))


def detail(job: Job, now: datetime, *, events_complete: bool) -> bytes:
    """*job* as its own URL has it."""
    more = _more(job, events_complete)
    if job.kind is JobKind.JOB:
        more |= {"host_status_counts": {}, "playbook_counts": {"play_count": 1, "task_count": 3}}
        more |= {"custom_virtualenv": None}
    return b"%b,%b,%b}" % (_head(job), _tail(job, now), _inner(more))


def launched(job: Job, now: datetime, ignored_fields: Mapping[str, Any]) -> bytes:
    """*job* as the answer to its launch."""
    first = _inner({job.kind.value: job.id, "ignored_fields": ignored_fields})
    more = _inner(_more(job, events_complete=False))
    return b"{%b,%b,%b,%b}" % (first, _head(job)[1:], _tail(job, now), more)


def _inner(value: Mapping[str, Any]) -> bytes:
    """*value* as JSON, without its braces."""
    return _encode(value)[1:-1]


def _head(job: Job) -> bytes:
    if job.fixed_json is None:
        job.fixed_json = _inner(_fixed(job))
    return b'{%b,"extra_vars":%b' % (job.fixed_json, job.quoted_vars)


def _tail(job: Job, now: datetime) -> bytes:
    if job.changing_json is None:
        job.changing_json = _inner(_changing(job))
    return b'%b,"elapsed":%.3f' % (job.changing_json, job.elapsed(now))


def _changing(job: Job) -> dict[str, Any]:
    return {
        "modified": job.modified,
        "status": job.status,
        "failed": job.failed,
        "started": job.started,
        "finished": job.finished,
        "canceled_on": job.canceled_on,
        "job_explanation": job.explanation,
    }


def _more(job: Job, events_complete: bool) -> dict[str, Any]:
    more: dict[str, Any] = {"job_args": "", "job_cwd": "", "job_env": {}, "result_traceback": job.traceback}
    if job.kind is JobKind.JOB:
        more["event_processing_finished"] = events_complete
    return more


def _fixed(job: Job) -> dict[str, Any]:
    template = job.template
    url = job_url(job)
    common = {
        "id": job.id,
        "type": job.kind,
        "url": url,
        "related": {name: f"{url}{name}/" for name in RELATED[job.kind]}
        | {"unified_job_template": template_url(template)},
        "summary_fields": _summary_fields(job),
        "created": job.created,
        "name": template.name,
        "description": "",
        "organization": job.organization,
        "unified_job_template": job.template_id,
        "launch_type": "workflow" if job.parent is not None else "manual",
        "launched_by": _launched_by(job),
        "work_unit_id": None,
        "allow_simultaneous": template.allow_simultaneous,
    }
    return common | _SPECIAL[job.kind](job) | job.order.prompts


def _launched_by(job: Job) -> dict[str, Any]:
    if job.parent is not None:
        return {
            "id": job.parent.id,
            "name": job.parent.name,
            "type": "workflow_job",
            "url": job_url(job.parent),
        }
    return user_link(job.order.user) | {"type": "user"}


def user_link(user: User) -> dict[str, Any]:
    return {"id": user.id, "name": user.username, "url": f"/api/v2/users/{user.id}/"}


def _summary_fields(job: Job) -> dict[str, Any]:
    template = job.template
    link = {"id": template.id, "name": template.name, "description": ""}
    fields = {
        "organization": {"id": job.organization, "name": template.organization, "description": ""},
        template.kind.value: link,
        "unified_job_template": link | {"unified_job_type": job.kind},
        "labels": {"count": 0, "results": []},
        "user_capabilities": {"delete": False, "start": True},
        "credentials": [],
    }
    if job.parent is not None:
        fields["source_workflow_job"] = {"id": job.parent.id, "name": job.parent.name, "description": ""}
    return fields


def _job_fields(job: Job) -> dict[str, Any]:
    return {
        "job_template": job.template_id,
        "job_type": "run",
        "inventory": 1,
        "project": 6,
        "playbook": f"playbook_{job.name.replace('-', '_')}.yml",
        "scm_branch": "",
        "scm_revision": "",
        "forks": 0,
        "limit": "",
        "verbosity": 0,
        "job_tags": "",
        "force_handlers": False,
        "skip_tags": "",
        "start_at_task": "",
        "timeout": 0,
        "use_fact_cache": False,
        "execution_environment": 1,
        "execution_node": "",
        "controller_node": "",
        "passwords_needed_to_start": [],
        "artifacts": {},
        "instance_group": None,
        "diff_mode": False,
        "job_slice_number": job.slice_number,
        "job_slice_count": job.parent.order.slices if job.parent is not None and job.slice_number else 1,
        "webhook_service": "",
        "webhook_credential": None,
        "webhook_guid": "",
    }


def _workflow_fields(job: Job) -> dict[str, Any]:
    sliced = job.template.kind is TemplateKind.JOB_TEMPLATE
    return {
        "workflow_job_template": None if sliced else job.template_id,
        "job_template": job.template_id if sliced else None,
        "is_sliced_job": sliced,
        "inventory": None,
        "limit": None,
        "scm_branch": None,
        "webhook_service": "",
        "webhook_credential": None,
        "webhook_guid": "",
        "skip_tags": None,
        "job_tags": None,
    }


def _approval_fields(job: Job) -> dict[str, Any]:
    return {"workflow_approval_template": job.template.id, "timeout": 0, "timed_out": False}


_SPECIAL = {
    JobKind.JOB: _job_fields,
    JobKind.WORKFLOW_JOB: _workflow_fields,
    JobKind.WORKFLOW_APPROVAL: _approval_fields,
}
