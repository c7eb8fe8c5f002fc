"""Why a job failed: where AAP says it, for everything that may fail in it."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import pytest

from aap_poller.exchange import Parameters
from aap_poller.failures import DEEPEST, failure
from aap_poller.rows import Row
from cloudkit.contracts.errors import Forbidden, NotFound, Unanswered
from cloudkit.contracts.jobs import JobState, JobType
from cloudkit.lifecycle.texts import MAX_MESSAGE_BYTES, job_message

T = TypeVar("T")

NO_PATHS = "No error handling paths found, marking workflow as failed"


class Asked:
    """AAP as a table from paths to answers. What is not in it does not exist."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.requests: list[str] = []

    async def get(self, path: str, type: type[T], parameters: Parameters | None = None) -> T:
        wanted = (parameters or {}).get("event")
        key = f"{path}?{wanted or (parameters or {}).get('id__in', '')}".rstrip("?")
        self.requests.append(key)
        answer = self.answers.get(key)
        if answer is None:
            raise NotFound("Not found.", system="AAP", status=404)
        if isinstance(answer, Exception):
            raise answer
        return msgspec.convert(answer, type)


def row(id: int = 7, type: str = "job", **fields: Any) -> Row:
    usual = {"id": id, "type": type, "status": "failed", "created": "2026-01-01T00:00:00Z", "name": "make-vm"}
    return msgspec.convert({**usual, **fields}, Row)


def some(*rows: Mapping[str, Any]) -> dict[str, Any]:
    return {"results": list(rows)}


def event(msg: object, task: str = "Create disk", host: str = "node-1") -> dict[str, Any]:
    return {"task": task, "host_name": host, "event_data": {"res": {"msg": msg}}}


def node(id: int, type: str = "job", status: str = "failed", name: str = "", **fields: Any) -> dict[str, Any]:
    job = {"id": 100 + id, "type": type, "status": status, "name": name or f"step-{id}"}
    return {"id": id, "summary_fields": {"job": job}, **fields}


def job(id: int, type: str = "job", **fields: Any) -> dict[str, Any]:
    return {"id": id, "type": type, "status": "failed", "name": f"step-{id - 100}", **fields}


def workflow(*nodes: Mapping[str, Any]) -> dict[str, Any]:
    return {"workflow_jobs/7/workflow_nodes/": some(*nodes)}


EVENTS = "jobs/7/job_events/"
OF_STEP_1: dict[str, Any] = {
    "jobs/?101": some(job(101)),
    "jobs/101/job_events/": some(event("no space")),
}
PREVIOUS = 'Previous Task Failed: {"job_type": "project_update", "job_name": "repo", "job_id": "88"}'

CASES: dict[str, tuple[Row, dict[str, Any], str]] = {
    "a playbook: its last failed task": (
        row(),
        {EVENTS: some(event("no space"))},
        "Create disk on node-1: no space (full text: job 7 in AAP)",
    ),
    "a job that AAP ended: its explanation, whatever failed before": (
        row(job_explanation="Task was marked as running but was not present in the job queue"),
        {EVENTS: some(event("rescued"))},
        "Task was marked as running but was not present in the job queue (full text: job 7 in AAP)",
    ),
    "a timeout: the task in which it came": (
        row(job_explanation="Job terminated due to timeout"),
        {f"{EVENTS}?playbook_on_task_start": some({"task": "Wait for it", "host_name": None})},
        "Job terminated due to timeout, in task 'Wait for it' (full text: job 7 in AAP)",
    ),
    "a timeout before the first task": (
        row(job_explanation="Job terminated due to timeout"),
        {f"{EVENTS}?playbook_on_task_start": some()},
        "Job terminated due to timeout (full text: job 7 in AAP)",
    ),
    "a broken AAP: the last line of its traceback": (
        row(),
        {
            EVENTS: some(),
            "jobs/7/": job(7, result_traceback="Traceback (most recent call last):\n  File\nOSError: disk"),
        },
        "OSError: disk (full text: job 7 in AAP)",
    ),
    "an explanation that came after the list was read": (
        row(),
        {EVENTS: some(), "jobs/7/": job(7, job_explanation="Lost node")},
        "Lost node (full text: job 7 in AAP)",
    ),
    "a job that says nothing at all": (row(), {EVENTS: some(), "jobs/7/": job(7)}, "see job 7 in AAP"),
    "a job whose events are still being read: nothing yet": (
        row(),
        {EVENTS: some(), "jobs/7/": job(7, event_processing_finished=False)},
        "",
    ),
    "a failed update of the project: what failed in it": (
        row(job_explanation=PREVIOUS),
        {"project_updates/88/events/": some(event("repository not found", "Update project", "localhost"))},
        "project update 'repo' failed before it: Update project on localhost: repository not found "
        "(full text: project update 88 in AAP)",
    ),
    "a failed update that our token may not see": (
        row(job_explanation=PREVIOUS),
        {"project_updates/88/events/": Forbidden("no", system="AAP", status=403)},
        "project update 'repo' failed before it (full text: project update 88 in AAP)",
    ),
    "a failed update of the inventory": (
        row(job_explanation=PREVIOUS.replace("project", "inventory").replace("repo", "hosts")),
        {"inventory_updates/88/": job(88, "inventory_update", result_traceback="Traceback\nOSError: away")},
        "inventory update 'hosts' failed before it: Traceback / OSError: away "
        "(full text: inventory update 88 in AAP)",
    ),
    "a previous task that cannot be read": (
        row(job_explanation="Previous Task Failed: {broken}"),
        {},
        "Previous Task Failed: {broken} (full text: job 7 in AAP)",
    ),
    "a workflow: what failed in the job of its node": (
        row(type="workflow_job", job_explanation=NO_PATHS),
        {**workflow(node(1)), **OF_STEP_1},
        "step-1: Create disk on node-1: no space (full text: job 101 in AAP)",
    ),
    "a workflow: the node that no path handles, not the first that failed": (
        row(type="workflow_job"),
        {
            **workflow(node(2, failure_nodes=[3]), node(3, always_nodes=[4]), node(1)),
            **OF_STEP_1,
        },
        "step-1: Create disk on node-1: no space (full text: job 101 in AAP)",
    ),
    "a workflow: what failed, not what was canceled for it": (
        row(type="workflow_job"),
        {**workflow(node(0, status="canceled"), node(1)), **OF_STEP_1},
        "step-1: Create disk on node-1: no space (full text: job 101 in AAP)",
    ),
    "a workflow: the explanation of its node": (
        row(type="workflow_job"),
        {**workflow(node(1)), "jobs/?101": some(job(101, job_explanation="Lost node"))},
        "step-1: Lost node (full text: job 101 in AAP)",
    ),
    "a workflow in a workflow": (
        row(type="workflow_job"),
        {
            **workflow(node(9, "workflow_job", name="inner")),
            "workflow_jobs/109/workflow_nodes/": some(node(1)),
            **OF_STEP_1,
        },
        "inner: step-1: Create disk on node-1: no space (full text: job 101 in AAP)",
    ),
    "a workflow whose nodes say nothing": (
        row(type="workflow_job", job_explanation="would result in recursion"),
        workflow(),
        "would result in recursion (full text: workflow job 7 in AAP)",
    ),
    "a workflow whose job is still being read: nothing yet": (
        row(type="workflow_job"),
        {
            **workflow(node(1)),
            "jobs/?101": some(job(101)),
            "jobs/101/job_events/": some(),
            "jobs/101/": job(101, event_processing_finished=False),
        },
        "",
    ),
    "a workflow whose job is gone, or may not be seen": (
        row(type="workflow_job"),
        workflow(node(1)),
        "step-1: failed (full text: job 101 in AAP)",
    ),
    "a workflow without nodes or a word": (
        row(type="workflow_job"),
        workflow({"id": 1}),
        "see workflow job 7 in AAP",
    ),
    "an approval that was denied": (
        row(type="workflow_job"),
        {
            **workflow(node(1, "workflow_approval", name="May it?")),
            "workflow_approvals/101/": job(101, "workflow_approval"),
        },
        "May it?: it was denied (full text: approval 101 in AAP)",
    ),
    "an approval that nobody gave": (
        row(type="workflow_job"),
        {
            **workflow(node(1, "workflow_approval", name="May it?")),
            "workflow_approvals/101/": job(
                101, "workflow_approval", timed_out=True, job_explanation="has expired after 60 seconds."
            ),
        },
        "May it?: has expired after 60 seconds. (full text: approval 101 in AAP)",
    ),
    "an approval that nobody gave, and that does not say so": (
        row(type="workflow_job"),
        {
            **workflow(node(1, "workflow_approval", name="May it?")),
            "workflow_approvals/101/": job(101, "workflow_approval", timed_out=True),
        },
        "May it?: nobody approved it in time (full text: approval 101 in AAP)",
    ),
    "a node that updates a project": (
        row(type="workflow_job"),
        {
            **workflow(node(1, "project_update", name="repo")),
            "project_updates/101/events/": some(event("no such branch", "Update project", "localhost")),
        },
        "repo: Update project on localhost: no such branch (full text: project update 101 in AAP)",
    ),
    "a node of a kind that AAP learned later": (
        row(type="workflow_job"),
        workflow(node(1, "quantum_job", name="q")),
        "q: failed (full text: quantum job 101 in AAP)",
    ),
}


@pytest.mark.parametrize(("failed", "answers", "expected"), CASES.values(), ids=CASES)
async def test_why_it_failed(failed: Row, answers: dict[str, Any], expected: str) -> None:
    assert await failure(Asked(answers), failed) == expected


async def test_a_failed_playbook_takes_one_request() -> None:
    aap = Asked({EVENTS: some(event("no space"))})
    await failure(aap, row())
    assert aap.requests == [EVENTS]


async def test_a_failed_workflow_takes_three_requests() -> None:
    aap = Asked({**workflow(node(1)), **OF_STEP_1})
    await failure(aap, row(type="workflow_job"))
    assert len(aap.requests) == 3


async def test_workflows_in_workflows_are_looked_into_only_so_deep() -> None:
    endless = {f"workflow_jobs/{id}/workflow_nodes/": some(node(7, "workflow_job")) for id in (7, 107)}
    aap = Asked({**endless, "workflow_jobs/107/": job(107, "workflow_job", job_explanation=NO_PATHS)})
    assert NO_PATHS in await failure(aap, row(type="workflow_job"))
    assert len(aap.requests) == DEEPEST


async def test_an_aap_that_does_not_answer_is_no_reason() -> None:
    with pytest.raises(Unanswered):
        await failure(Asked({EVENTS: Unanswered("no answer", system="AAP")}), row())


@pytest.mark.parametrize("letter", ["x", "é", "🚀", "wörter "])
async def test_a_reason_of_any_length_fits_into_a_message_and_says_where_the_rest_is(letter: str) -> None:
    aap = Asked({"jobs/123456789/job_events/": some(event(letter * 5000))})
    message = job_message(JobType.PROVISION, JobState.FAILED, await failure(aap, row(123456789)))
    assert len(message.encode()) <= MAX_MESSAGE_BYTES
    assert message.startswith("AAP job failed: Create disk on node-1: ")
    assert message.endswith("… (full text: job 123456789 in AAP)")
