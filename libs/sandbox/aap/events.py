"""The job events of a virtual playbook, and the nodes of a workflow job, as JSON.

For a playbook that failed they alone say why: the job itself stays silent.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sandbox.aap.model import Job, Node, Status
from sandbox.aap.playbooks import Outcome
from sandbox.aap.rows import TEMPLATE_COLLECTIONS, job_url
from sandbox.aap.subjects import Purpose


class JobEvent(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    type: str = "job_event"
    url: str
    created: datetime
    job: int
    event: str
    counter: int
    event_display: str
    event_data: dict[str, Any]
    event_level: int = 0
    failed: bool = False
    changed: bool = False
    uuid: str
    parent_uuid: str = ""
    host: int | None = None
    host_name: str = ""
    playbook: str
    play: str = ""
    task: str = ""
    role: str = ""
    stdout: str = ""
    start_line: int
    end_line: int


MACHINE_TASKS = {
    Purpose.PROVISION: ("Read the resource", "Create virtual machine", "Wait for the virtual machine"),
    Purpose.DEPROVISION: ("Read the resource", "Delete virtual machine", "Remove the finalizer"),
    Purpose.OTHER: ("Read the resource", "Do the work", "Report"),
}


def events_complete(job: Job, now: datetime, lag: float) -> bool:
    """Whether all events of *job* have arrived, *lag* seconds after its end."""
    return job.finished is not None and now >= job.finished + timedelta(seconds=lag)


def job_events(job: Job, now: datetime, lag: float) -> list[JobEvent]:
    """The events of *job* that have arrived, oldest first."""
    if job.started is None:
        return []
    told = list(_story(job))
    if not events_complete(job, now, lag):
        told = told[:3]
    return [_event(job, counter, *part) for counter, part in enumerate(told, start=1)]


def _story(job: Job) -> Iterator[tuple[str, dict[str, Any]]]:
    """Event names with their data. The first three happen while the job runs."""
    first, *later = MACHINE_TASKS[job.template.purpose or Purpose.OTHER]
    yield "playbook_on_start", {}
    yield "playbook_on_play_start", {"play": job.name}
    yield "playbook_on_task_start", {"task": first}
    yield "runner_on_ok", {"task": first, "host": "localhost", "res": {"changed": False}}
    if job.status is Status.FAILED and job.play.outcome is not Outcome.ERROR:
        failure = job.play.failure
        yield "playbook_on_task_start", {"task": failure.task}
        answer = {"changed": False, "msg": failure.message}
        yield "runner_on_failed", {"task": failure.task, "host": failure.host, "res": answer}
    elif job.status is Status.SUCCESSFUL:
        for task in later:
            yield "playbook_on_task_start", {"task": task}
            yield "runner_on_ok", {"task": task, "host": "localhost", "res": {"changed": True}}
    if job.status in (Status.SUCCESSFUL, Status.FAILED):
        yield "playbook_on_stats", {}


def _event(job: Job, counter: int, event: str, data: dict[str, Any]) -> JobEvent:
    id = job.id * 1000 + counter
    failed = event == "runner_on_failed"
    playbook = f"playbook_{job.name.replace('-', '_')}.yml"
    return JobEvent(
        id=id,
        url=f"/api/v2/job_events/{id}/",
        created=(job.finished if counter > 3 else job.started) or job.created,
        job=job.id,
        event=event,
        counter=counter,
        event_display=event.replace("_", " ").capitalize(),
        event_data={"playbook": playbook, "play": job.name, **data},
        failed=failed,
        changed=bool(data.get("res", {}).get("changed")),
        uuid=f"{job.id:08x}-0000-4000-8000-{counter:012x}",
        host=1 if "host" in data else None,
        host_name=data.get("host", ""),
        playbook=playbook,
        play=job.name,
        task=data.get("task", ""),
        stdout=f"fatal: [{data['host']}]: FAILED! => {data['res']}" if failed else "",
        start_line=counter,
        end_line=counter + 1,
    )


def node_row(node: Node, now: datetime) -> dict[str, Any]:
    """*node* as ``workflow_nodes/`` has it."""
    template = node.template
    kind = template.kind.removesuffix("_template")
    link = {"id": template.id, "name": template.name, "description": ""}
    summary: dict[str, Any] = {"unified_job_template": link | {"unified_job_type": kind}}
    if node.job is not None:
        summary["job"] = _job_summary(node.job, now)
    return {
        "id": node.id,
        "type": "workflow_job_node",
        "url": f"/api/v2/workflow_job_nodes/{node.id}/",
        "related": {
            "unified_job_template": f"/api/v2/{TEMPLATE_COLLECTIONS[template.kind]}/{template.id}/",
            "job": job_url(node.job) if node.job is not None else None,
            "workflow_job": job_url(node.workflow),
        },
        "summary_fields": summary,
        "created": node.workflow.started,
        "job": node.job.id if node.job is not None else None,
        "workflow_job": node.workflow.id,
        "unified_job_template": template.id,
        "success_nodes": [],
        "failure_nodes": [],
        "always_nodes": [],
        "all_parents_must_converge": False,
        "do_not_run": node.do_not_run,
        "identifier": node.identifier,
        "extra_data": {},
    }


def _job_summary(job: Job, now: datetime) -> dict[str, Any]:
    return {
        "id": job.id,
        "name": job.name,
        "description": "",
        "status": job.status,
        "failed": job.failed,
        "elapsed": round(job.elapsed(now), 3),
        "type": job.kind,
        "canceled_on": job.canceled_on,
    }
