"""How jobs come along, and what they say when they end."""

import pytest

from contract.aap.conftest import CREATE, DELETE, ENDED, RUNNING, Aap
from sandbox.aap.model import Status
from sandbox.aap.playbooks import Failure, Outcome, Rule

FAILED_EVENTS = "failed=true&event__in=runner_on_failed,runner_on_unreachable&order_by=-counter&limit=1"


async def test_times_are_the_servers_own_and_exact(aap: Aap) -> None:
    id = await aap.launched()

    aap.clock.pass_time(60)

    job = await aap.job(id)
    assert (job["status"], job["failed"]) == ("successful", False)
    assert job["created"] == "2026-01-01T00:00:00Z"
    assert job["started"] == "2026-01-01T00:00:02Z"
    assert job["finished"] == "2026-01-01T00:00:07Z"
    assert job["elapsed"] == 5.0


async def test_a_failed_playbook_says_why_in_its_events_alone(aap: Aap) -> None:
    id = await aap.launched("vm-fail")
    aap.clock.pass_time(ENDED)

    job = await aap.job(id)
    assert (job["status"], job["failed"]) == ("failed", True)
    assert (job["result_traceback"], job["job_explanation"]) == ("", "")
    [event] = (await aap.row(f"/jobs/{id}/job_events/?{FAILED_EVENTS}"))["results"]
    assert (event["event"], event["task"], event["host_name"]) == (
        "runner_on_failed",
        "Create virtual machine",
        "localhost",
    )
    assert event["event_data"]["res"]["msg"].startswith("exceeded quota: requested: cpu=999")


async def test_events_arrive_after_the_end_and_only_then_are_complete(aap: Aap) -> None:
    id = await aap.launched("vm-fail")
    aap.clock.pass_time(7)

    assert (await aap.job(id))["event_processing_finished"] is False
    assert (await aap.row(f"/jobs/{id}/job_events/?{FAILED_EVENTS}"))["results"] == []
    aap.clock.pass_time(1)
    assert (await aap.job(id))["event_processing_finished"] is True
    assert len((await aap.row(f"/jobs/{id}/job_events/?{FAILED_EVENTS}"))["results"]) == 1


async def test_events_can_be_read_as_they_come(aap: Aap) -> None:
    id = await aap.launched()
    aap.clock.pass_time(RUNNING)

    first = await aap.row(f"/jobs/{id}/job_events/?order_by=counter&page_size=200")
    assert [event["counter"] for event in first["results"]] == [1, 2, 3]
    aap.clock.pass_time(ENDED)
    later = await aap.row(f"/jobs/{id}/job_events/?counter__gt=3&order_by=counter")
    assert later["results"][0]["counter"] == 4
    assert later["results"][-1]["event"] == "playbook_on_stats"


@pytest.mark.parametrize(
    ("machine", "vcpu", "template", "status"),
    {
        "an ordinary machine is made": ("vm", 2, CREATE, "successful"),
        "one called fail is not": ("test-ci-fail", 2, CREATE, "failed"),
        "nor one that asks for too much": ("vm", 999, CREATE, "failed"),
        "a failed one is still removed": ("vm-fail", 999, DELETE, "successful"),
        "one called undeletable is not removed": ("vm-undeletable-1", 2, DELETE, "failed"),
        "one called stuck runs for ever": ("vm-stuck-1", 2, CREATE, "running"),
        "a slow one takes a minute": ("vm-slow-1", 2, CREATE, "running"),
    }.values(),
)
async def test_names_choose_the_playbooks_outcome(
    aap: Aap, machine: str, vcpu: int, template: str, status: str
) -> None:
    id = await aap.launched(machine, vcpu=vcpu, template=template)

    aap.clock.pass_time(50)

    assert (await aap.job(id))["status"] == status


async def test_rules_can_be_added_while_it_runs(aap: Aap) -> None:
    broken = Failure(task="Attach disk", host="node-1", message="no such disk")
    await aap.control.add_rules(Rule(name="db-*", seconds=1, outcome=Outcome.FAILED, failure=broken))
    id = await aap.launched("db-1")

    aap.clock.pass_time(4)

    [event] = (await aap.row(f"/jobs/{id}/job_events/?{FAILED_EVENTS}"))["results"]
    assert (event["task"], event["host_name"]) == ("Attach disk", "node-1")
    await aap.control.reset_rules()
    again = await aap.launched("db-1")
    aap.clock.pass_time(ENDED)
    assert (await aap.job(again))["status"] == "successful"


async def test_an_error_of_the_controller_itself_leaves_a_traceback(aap: Aap) -> None:
    await aap.control.add_rules(Rule(outcome=Outcome.ERROR))
    id = await aap.launched()

    aap.clock.pass_time(ENDED)

    job = await aap.job(id)
    assert (job["status"], job["failed"]) == ("error", True)
    assert job["result_traceback"].startswith("Traceback")


async def test_a_job_may_fall_back_from_running_to_pending_and_keeps_its_start(aap: Aap) -> None:
    id = await aap.launched()
    aap.clock.pass_time(RUNNING)

    await aap.control.force(id, Status.PENDING, explanation="pod quota exceeded")

    job = await aap.job(id)
    assert (job["status"], job["started"]) == ("pending", "2026-01-01T00:00:02Z")
    aap.clock.pass_time(ENDED)
    assert (await aap.job(id))["finished"] == "2026-01-01T00:00:10Z"


async def test_a_pending_job_may_fail_without_ever_having_started(aap: Aap) -> None:
    id = await aap.launched()

    await aap.control.force(id, Status.FAILED, explanation="Previous Task Failed: {}")
    aap.clock.pass_time(ENDED)

    job = await aap.job(id)
    assert (job["status"], job["started"], job["elapsed"]) == ("failed", None, 0.0)
    assert job["job_explanation"] == "Previous Task Failed: {}"
    assert (await aap.row(f"/jobs/{id}/job_events/"))["count"] == 0


async def test_a_workflow_runs_its_nodes_and_never_waits(aap: Aap) -> None:
    id = await aap.launched("vm", template=f"{CREATE}-workflow")
    seen = []
    for _ in range(14):
        seen.append((await aap.workflow_job(id))["status"])
        aap.clock.pass_time(1)

    assert list(dict.fromkeys(seen)) == ["pending", "running", "successful"]
    [node] = (await aap.row(f"/workflow_jobs/{id}/workflow_nodes/"))["results"]
    job = await aap.job(node["job"])
    assert (job["status"], job["launch_type"], job["name"]) == ("successful", "workflow", CREATE)
    assert (await aap.workflow_job(id))["finished"] > job["finished"]


async def test_a_failed_workflow_points_to_no_node_but_its_nodes_do(aap: Aap) -> None:
    id = await aap.launched("vm-fail", template=f"{CREATE}-workflow")
    aap.clock.pass_time(20)

    workflow = await aap.workflow_job(id)
    assert workflow["status"] == "failed"
    assert workflow["job_explanation"] == "No error handling paths found, marking workflow as failed"
    path = f"/workflow_jobs/{id}/workflow_nodes/?job__status__in=failed,error,canceled"
    [node] = (await aap.row(path))["results"]
    assert node["summary_fields"]["job"]["type"] == "job"
    [event] = (await aap.row(f"/jobs/{node['job']}/job_events/?{FAILED_EVENTS}"))["results"]
    assert event["task"] == "Create virtual machine"


async def test_the_end_of_a_workflow_does_not_touch_modified(aap: Aap) -> None:
    id = await aap.launched("vm", template=f"{CREATE}-workflow")
    aap.clock.pass_time(20)

    workflow = await aap.workflow_job(id)
    assert workflow["modified"] == workflow["started"] < workflow["finished"]


async def test_each_kind_of_job_is_unknown_at_the_others_url(aap: Aap) -> None:
    job, workflow = await aap.launched("a"), await aap.launched("b", template=f"{CREATE}-workflow")

    assert (await aap.http.get(f"/workflow_jobs/{job}/")).status_code == 404
    assert (await aap.http.get(f"/jobs/{workflow}/")).status_code == 404
    assert (await aap.http.post(f"/jobs/{workflow}/cancel/")).status_code == 404
    assert (await aap.http.get("/jobs/999999/")).json() == {"detail": "Not found."}
