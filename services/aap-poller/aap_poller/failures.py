"""Why a job failed, for a person: where AAP says it, in as few requests as it takes.

::

    job ─────────► its explanation │ the last task that failed │ its traceback
    workflow job ► the node that made it fail ─► why that one failed, however deep
    approval, update of a project or an inventory ► explanation │ traceback │ denied, canceled

Facts about AAP are from the source of AWX: a failed playbook leaves explanation and traceback empty, and
a failed workflow does not name its node. An explanation is AAP's own word on a job that it ended itself
(a timeout, a lost node), so it comes before whatever the playbook said until then. Lists have the
explanation and no traceback, and cost less than a job's own page, which counts its events.
"""

import re
from typing import Any, Protocol, TypeVar

import msgspec

from aap_poller.exchange import Parameters
from aap_poller.rows import Row
from aap_poller.telling import one_line, task_failed, telling_end
from cloudkit.contracts.errors import Refused
from cloudkit.lifecycle.texts import shorten

T = TypeVar("T")

DEEPEST = 4
"""Workflows may run workflows: how far down the reason is looked for."""
MOST_BYTES = 1900
"""Of a reason, in UTF-8; with what stands around it, it fits into a job's message."""
LAST_FAILED_TASK: Parameters = {
    "failed": "true",
    "event__in": "runner_on_failed,runner_on_unreachable",
    "order_by": "-counter",
    "limit": 1,
}
LAST_TASK: Parameters = {"event": "playbook_on_task_start", "order_by": "-counter", "limit": 1}
FAILED_NODES: Parameters = {
    "job__status__in": "failed,error,canceled",
    "order_by": "id",
    "page_size": 50,
    "count_disabled": 1,
}
PREVIOUS_FAILED = re.compile(r"Previous Task Failed:\s*(\{.*\})", re.DOTALL)


class Questions(Protocol):
    """Asks AAP; see `aap_poller.exchange.Exchange`."""

    async def get(self, path: str, type: type[T], parameters: Parameters | None = None) -> T: ...


class _Kind(msgspec.Struct, frozen=True):
    """Where AAP keeps jobs of a kind, and their events if a playbook makes them."""

    called: str
    path: str
    events: str = ""


KINDS = {
    "job": _Kind("job", "jobs", "job_events"),
    "workflow_job": _Kind("workflow job", "workflow_jobs"),
    "project_update": _Kind("project update", "project_updates", "events"),
    "inventory_update": _Kind("inventory update", "inventory_updates"),
    "system_job": _Kind("management job", "system_jobs"),
    "workflow_approval": _Kind("approval", "workflow_approvals"),
}


class _Failed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that failed, as lists, pages and summaries of nodes have it."""

    id: int
    type: str
    name: str = ""
    status: str = ""
    job_explanation: str | None = ""
    result_traceback: str | None = ""
    event_processing_finished: bool | None = True
    timed_out: bool = False

    @property
    def kind(self) -> _Kind:
        return KINDS.get(self.type, _Kind(self.type.replace("_", " "), ""))

    @property
    def title(self) -> str:
        return f"{self.kind.called} {self.id}"


class _Told(msgspec.Struct, frozen=True):
    """Why something failed (empty: it does not say), and of what it is the reason."""

    text: str
    where: _Failed


class _EventData(msgspec.Struct):
    res: Any = None


class _Event(msgspec.Struct):
    task: str | None = ""
    host_name: str | None = ""
    event_data: _EventData = msgspec.field(default_factory=_EventData)


class _Events(msgspec.Struct):
    results: list[_Event]


class _Jobs(msgspec.Struct):
    results: list[_Failed]


class _Summary(msgspec.Struct):
    job: _Failed | None = None


class _Node(msgspec.Struct):
    id: int
    failure_nodes: list[int] = []
    always_nodes: list[int] = []
    summary_fields: _Summary = msgspec.field(default_factory=_Summary)


class _Nodes(msgspec.Struct):
    results: list[_Node]


class _Previous(msgspec.Struct):
    """What stands in the explanation of a job that something else kept from starting."""

    job_type: str
    job_name: str
    job_id: str | int


async def failure(aap: Questions, row: Row) -> str:
    """Why *row* failed, in a line that ends with where the full text is; empty if AAP has not yet read
    all that its playbook said. Raises what `Questions` raises."""
    told = await _why(aap, _seen(row), depth=1)
    if told is None:
        return ""
    if not told.text:
        return f"see {told.where.title} in AAP"
    return f"{shorten(told.text, MOST_BYTES)} (full text: {told.where.title} in AAP)"


def _seen(row: Row) -> _Failed:
    return _Failed(
        id=row.id, type=row.type, name=row.name, status=row.status, job_explanation=row.job_explanation
    )


async def _why(aap: Questions, failed: _Failed, depth: int) -> _Told | None:
    if failed.type == "workflow_job" and depth < DEEPEST:
        return await _why_workflow(aap, failed, depth)
    if failed.job_explanation:
        return await _explained(aap, failed, depth)
    if failed.kind.events and (events := await _events(aap, failed, LAST_FAILED_TASK)):
        event = events[0]
        return _Told(task_failed(event.task or "", event.host_name or "", event.event_data.res), failed)
    return await _page_of(aap, failed, depth)


async def _why_workflow(aap: Questions, workflow: _Failed, depth: int) -> _Told | None:
    """The slices of a job are nodes of a workflow job, too."""
    path = f"workflow_jobs/{workflow.id}/workflow_nodes/"
    culprit = _culprit((await aap.get(path, _Nodes, FAILED_NODES)).results)
    if culprit is None:
        return _Told(one_line(workflow.job_explanation or ""), workflow)
    try:
        below = await _why(aap, await _listed(aap, culprit), depth + 1)
    except Refused:  # Our token may not see it, or it was purged; its name helps.
        below = _Told("", culprit)
    if below is None:
        return None
    return _Told(f"{culprit.name or culprit.title}: {below.text or 'failed'}", below.where)


def _culprit(nodes: list[_Node]) -> _Failed | None:
    """What made the workflow fail: something that failed and that no further path was to handle. What was
    canceled was so because something else failed, if anything did."""
    ran = [(node, node.summary_fields.job) for node in nodes]
    failed = [
        (job.status == "canceled", bool(node.failure_nodes or node.always_nodes), node.id, job)
        for node, job in ran
        if job is not None
    ]
    return min(failed, key=lambda each: each[:3])[-1] if failed else None


async def _listed(aap: Questions, node: _Failed) -> _Failed:
    """The job of a node with its explanation, which the node's summary leaves out."""
    if node.type != "job":
        return node
    jobs = await aap.get("jobs/", _Jobs, {"id__in": str(node.id), "page_size": 1, "count_disabled": 1})
    return jobs.results[0] if jobs.results else node


async def _explained(aap: Questions, failed: _Failed, depth: int) -> _Told | None:
    explanation = failed.job_explanation or ""
    if (match := PREVIOUS_FAILED.search(explanation)) and (previous := _previous(match[1])):
        return await _why_previous(aap, previous, depth)
    if "timeout" in explanation and failed.kind.events and (tasks := await _events(aap, failed, LAST_TASK)):
        return _Told(f"{one_line(explanation)}, in task '{tasks[0].task}'", failed)
    return _Told(one_line(explanation), failed)


def _previous(text: str) -> _Failed | None:
    try:
        previous = msgspec.json.decode(text, type=_Previous)
        return _Failed(id=int(previous.job_id), type=previous.job_type, name=previous.job_name)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


async def _why_previous(aap: Questions, previous: _Failed, depth: int) -> _Told:
    """A job that never started, since something it depends on failed. Our token may not see that."""
    try:
        told = await _why(aap, previous, depth + 1) if depth < DEEPEST else None
    except Refused:
        told = None
    text = f"{previous.kind.called} '{previous.name}' failed before it"
    return _Told(f"{text}: {told.text}" if told is not None and told.text else text, previous)


async def _page_of(aap: Questions, failed: _Failed, depth: int) -> _Told | None:
    """What only its own page says. None: its events are still being read."""
    if not failed.kind.path:
        return _Told("", failed)
    page = await aap.get(f"{failed.kind.path}/{failed.id}/", _Failed)
    if page.job_explanation and not failed.job_explanation:
        return await _explained(aap, page, depth)
    if page.result_traceback:
        return _Told(telling_end(page.result_traceback), failed)
    if failed.type == "workflow_approval":
        return _Told(_decision(page), failed)
    return None if page.event_processing_finished is False else _Told("", failed)


def _decision(approval: _Failed) -> str:
    """AWX's source: an approval has no events; that nobody decided in time is all that it explains."""
    if approval.timed_out:
        return "nobody approved it in time"
    return "it was canceled" if approval.status == "canceled" else "it was denied"


async def _events(aap: Questions, failed: _Failed, which: Parameters) -> list[_Event]:
    path = f"{failed.kind.path}/{failed.id}/{failed.kind.events}/"
    return (await aap.get(path, _Events, which)).results
