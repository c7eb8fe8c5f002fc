"""Launching: what a template lets through, what it ignores, and what it refuses."""

import json

import pytest

from contract.aap.conftest import CREATE, Aap, about
from sandbox.aap.model import Template, TemplateKind

WORKFLOW = TemplateKind.WORKFLOW_JOB_TEMPLATE


async def test_a_launch_answers_with_the_pending_job_and_shows_extra_vars_as_a_string(aap: Aap) -> None:
    response = await aap.launch(extra_vars=about("vm"))

    job = response.json()
    assert response.status_code == 201
    assert response.headers["Location"] == "/api/v2/jobs/4711/"
    assert (job["job"], job["id"], job["status"], job["type"]) == (4711, 4711, "pending", "job")
    assert job["ignored_fields"] == {}
    assert json.loads(job["extra_vars"]) == about("vm")
    assert job["event_processing_finished"] is False
    assert not {"host_status_counts", "playbook_counts", "custom_virtualenv"} & set(job)


async def test_extra_vars_may_come_as_a_string_of_json(aap: Aap) -> None:
    job = (await aap.launch(extra_vars=json.dumps(about("vm")))).json()

    assert json.loads(job["extra_vars"]) == about("vm")


async def test_a_job_template_that_does_not_ask_for_variables_launches_without_them(aap: Aap) -> None:
    await aap.control.put_template(Template(name="deaf", ask_variables_on_launch=False))

    response = await aap.launch("deaf", extra_vars={"intent": "x"})

    assert response.status_code == 201
    assert response.json()["ignored_fields"] == {"extra_vars": {"intent": "x"}}
    assert response.json()["extra_vars"] == "{}"


async def test_a_workflow_template_that_does_not_ask_for_variables_refuses_them(aap: Aap) -> None:
    await aap.control.put_template(Template(name="deaf", kind=WORKFLOW, ask_variables_on_launch=False))

    response = await aap.launch("deaf", extra_vars={"intent": "x"})

    assert response.status_code == 400
    assert response.json()["extra_vars"][0].startswith("Variables intent are not allowed on launch.")


async def test_a_field_that_is_not_prompted_is_ignored_and_a_real_run_starts(aap: Aap) -> None:
    job = (await aap.launch(job_type="check", limit="web*", no_such_field=1)).json()

    assert job["ignored_fields"] == {"job_type": "check", "limit": "web*"}
    assert job["job_type"] == "run"


async def test_a_field_that_equals_the_templates_own_is_not_mentioned(aap: Aap) -> None:
    assert (await aap.launch(job_type="run", limit="")).json()["ignored_fields"] == {}


async def test_a_field_that_is_prompted_is_taken_and_can_be_filtered_by(aap: Aap) -> None:
    await aap.control.put_template(Template(name="asking", ask=frozenset({"skip_tags"})))

    job = (await aap.launch("asking", skip_tags="intent-7")).json()

    assert job["skip_tags"] == "intent-7"
    assert await aap.ids("/jobs/?skip_tags=intent-7") == [job["id"]]


async def test_a_workflow_launch_answers_with_a_workflow_job(aap: Aap) -> None:
    job = (await aap.launch(f"{CREATE}-workflow", extra_vars=about("vm"))).json()

    assert (job["workflow_job"], job["type"], job["status"]) == (job["id"], "workflow_job", "pending")
    assert not {"job", "artifacts", "event_processing_finished"} & set(job)


async def test_a_sliced_job_template_answers_with_a_workflow_job(aap: Aap) -> None:
    template = await aap.control.put_template(Template(name="sliced", job_slice_count=2))

    job = (await aap.launch("sliced", extra_vars=about("vm"))).json()
    aap.clock.pass_time(20)

    assert (job["workflow_job"], job["type"], job["is_sliced_job"]) == (job["id"], "workflow_job", True)
    assert (job["job_template"], job["workflow_job_template"]) == (template.id, None)
    nodes = (await aap.row(f"/workflow_jobs/{job['id']}/workflow_nodes/"))["results"]
    slices = [await aap.job(node["job"]) for node in nodes]
    assert [(one["job_slice_number"], one["job_slice_count"]) for one in slices] == [(1, 2), (2, 2)]
    assert (await aap.workflow_job(job["id"]))["status"] == "successful"


async def test_what_a_workflow_runs_may_be_sliced_or_a_workflow_itself(aap: Aap) -> None:
    await aap.control.put_template(Template(name="cut", job_slice_count=2))
    await aap.control.put_template(Template(name="inner", kind=WORKFLOW, nodes=("cut",)))
    await aap.control.put_template(Template(name="outer", kind=WORKFLOW, nodes=("inner",)))

    outer = (await aap.launch("outer", extra_vars=about("vm"))).json()["id"]
    aap.clock.pass_time(20)

    launches = [entry for entry in await aap.control.audit() if entry.event == "launch"]
    assert [(one.template, one.kind) for one in launches] == [
        ("outer", "workflow_job"),
        ("inner", "workflow_job"),
        ("cut", "workflow_job"),
        ("cut", "job"),
        ("cut", "job"),
    ]
    assert (await aap.workflow_job(outer))["status"] == "successful"
    spawned = (await aap.row("/jobs/"))["results"] + (await aap.row("/workflow_jobs/"))["results"]
    assert {one["launch_type"] for one in spawned if one["id"] != outer} == {"workflow"}


@pytest.mark.parametrize(
    ("body", "status"),
    {
        "a list is not an object": (b"[]", 400),
        "half an object cannot be read": (b'{"extra_vars": ', 400),
        "extra_vars must be an object": (b'{"extra_vars": [1]}', 400),
        "extra_vars must be readable": (b'{"extra_vars": "{"}', 400),
        "no body is an empty object": (b"", 201),
        "no extra_vars are no extra_vars": (b'{"extra_vars": null}', 201),
    }.values(),
)
async def test_bodies(aap: Aap, body: bytes, status: int) -> None:
    path = f"/job_templates/{await aap.template_id()}/launch/"
    headers = {"Content-Type": "application/json"}

    assert (await aap.http.post(path, content=body, headers=headers)).status_code == status


async def test_a_body_that_is_not_json_by_its_type_is_refused(aap: Aap) -> None:
    path = f"/job_templates/{await aap.template_id()}/launch/"

    response = await aap.http.post(path, content=b"{}", headers={"Content-Type": "text/plain"})

    assert response.status_code == 415


async def test_a_template_that_does_not_exist_cannot_be_launched(aap: Aap) -> None:
    assert (await aap.http.post("/job_templates/999/launch/")).status_code == 404


async def test_a_job_template_is_not_found_among_workflow_templates(aap: Aap) -> None:
    id = await aap.template_id()

    assert (await aap.http.post(f"/workflow_job_templates/{id}/launch/")).status_code == 404


async def test_a_template_may_be_named_in_the_url(aap: Aap) -> None:
    await aap.control.put_template(Template(name="a+b", organization="cloud"))

    assert (await aap.http.post("/job_templates/a[+]b++cloud/launch/")).status_code == 201
    assert (await aap.http.post("/job_templates/a[+]b++other/launch/")).status_code == 404
    assert (await aap.http.post(f"/job_templates/{CREATE}/launch/")).status_code == 201
    assert (await aap.http.post(f"/workflow_job_templates/{CREATE}-workflow/launch/")).status_code == 404


async def test_what_one_may_not_launch_is_forbidden_by_id_and_unknown_by_name(
    aap: Aap, as_superuser: dict[str, str]
) -> None:
    guarded = await aap.control.put_template(Template(name="guarded", launchable=False))
    path = f"/job_templates/{guarded.id}/launch/"

    assert (await aap.http.post(path)).status_code == 403
    assert (await aap.http.post("/job_templates/guarded++Default/launch/")).status_code == 404
    assert (await aap.http.post(path, headers=as_superuser)).status_code == 201


async def test_a_template_that_runs_one_at_a_time_keeps_the_later_job_pending(aap: Aap) -> None:
    await aap.control.put_template(Template(name="one-by-one", allow_simultaneous=False))
    first, second = [await aap.launched(name, template="one-by-one") for name in ("a", "b")]

    aap.clock.pass_time(3)
    waiting = await aap.job(second)
    aap.clock.pass_time(7)

    assert (waiting["status"], waiting["job_explanation"]) == (
        "pending",
        f"waiting for job-{first} to finish",
    )
    assert (await aap.job(first))["status"] == "successful"
    assert (await aap.job(second))["status"] == "running"


async def test_the_launch_url_says_what_may_be_given(aap: Aap) -> None:
    needs = await aap.row(f"/job_templates/{await aap.template_id()}/launch/")

    assert needs["ask_variables_on_launch"] is True
    assert needs["ask_job_type_on_launch"] is False
    assert needs["job_template_data"]["name"] == CREATE
