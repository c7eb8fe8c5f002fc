"""Why a job failed, for a person.

AAP says it in different places: of a playbook in its job events, of a workflow in the job of a node, of
a job that AAP itself broke in its explanation or traceback.
"""

from typing import Any

import msgspec

from aap_poller.exchange import Exchange, Parameters
from aap_poller.rows import Row
from cloudkit.contracts.jobs import JobKind

DEEPEST = 3
"""Workflows may run workflows: how far down the reason is looked for."""
LAST_FAILED_TASK: Parameters = {
    "failed": "true",
    "event__in": "runner_on_failed,runner_on_unreachable",
    "order_by": "-counter",
    "limit": 1,
}
FIRST_FAILED_NODE: Parameters = {"job__status__in": "failed,error,canceled", "order_by": "id", "page_size": 1}


class _Result(msgspec.Struct):
    msg: Any = ""
    stderr: Any = ""


class _EventData(msgspec.Struct):
    res: _Result | None = None


class _JobEvent(msgspec.Struct):
    task: str = ""
    host_name: str = ""
    event_data: _EventData = msgspec.field(default_factory=_EventData)


class _JobEvents(msgspec.Struct):
    results: list[_JobEvent]


class _Node(msgspec.Struct):
    job: int | None = None
    summary_fields: dict[str, Any] = {}


class _Nodes(msgspec.Struct):
    results: list[_Node]


async def failure(aap: Exchange, row: Row, *, depth: int = 1) -> str:
    """Why *row* failed. Raises what `Exchange` raises."""
    if row.type is JobKind.JOB and not row.job_explanation:
        events = (await aap.get(f"jobs/{row.id}/job_events/", _JobEvents, LAST_FAILED_TASK)).results
        if events:
            return _told(events[0])
    elif row.type is JobKind.WORKFLOW_JOB and depth < DEEPEST and (below := await _failed_node(aap, row)):
        return f"{below.name or below.id}: {await failure(aap, below, depth=depth + 1)}"
    return row.job_explanation or await _traceback(aap, row) or f"see job {row.id} in AAP"


async def _failed_node(aap: Exchange, workflow: Row) -> Row | None:
    """The job of the first node that did not succeed."""
    path = f"workflow_jobs/{workflow.id}/workflow_nodes/"
    nodes = (await aap.get(path, _Nodes, FIRST_FAILED_NODE)).results
    if not nodes or nodes[0].job is None:
        return None
    summary = nodes[0].summary_fields.get("job") or {}
    kind = "workflow_jobs" if summary.get("type") == JobKind.WORKFLOW_JOB else "jobs"
    return await aap.get(f"{kind}/{nodes[0].job}/", Row)


async def _traceback(aap: Exchange, row: Row) -> str:
    """Only a job's own page has it, no list."""
    kind = "jobs" if row.type is JobKind.JOB else "workflow_jobs"
    return (await aap.get(f"{kind}/{row.id}/", Row)).result_traceback or ""


def _told(event: _JobEvent) -> str:
    result = event.event_data.res or _Result()
    said = result.msg or result.stderr or "no message"
    text = said if isinstance(said, str) else msgspec.json.encode(said).decode()
    return f"{event.task or 'a task'} on {event.host_name or 'a host'}: {text}"
