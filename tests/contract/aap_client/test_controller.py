"""What handlers may rely on when they ask AAP, whatever it is that answers."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from aap_poller.controller import Template, TemplateKind, cancel
from aap_poller.rows import Row
from cloudkit.contracts.errors import Forbidden, NotFound, Refused, Unanswered, Unreachable
from cloudkit.contracts.jobs import JobKind, JobState
from contract.aap_client.sites import SITES, Site
from sandbox.aap import model
from sandbox.aap.model import Status
from sandbox.aap.playbooks import Outcome, Rule
from simulation.faults import LATEST

CREATE = "innabox-create-compute-instance"
FLOW = f"{CREATE}-workflow"
VARIABLES = {"cloudkit_job": "lab/vm/uid-1/1"}
SECOND = timedelta(seconds=1)
MOMENTS = 100
WORKFLOW = model.TemplateKind.WORKFLOW_JOB_TEMPLATE


@pytest.fixture(params=SITES)
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with SITES[request.param]() as site:
        yield site


async def the(site: Site, name: str = CREATE) -> Template:
    (template,) = await site.aap.templates(name)
    return template


async def launched(site: Site, name: str = CREATE) -> Row:
    return await site.aap.launch(await the(site, name), VARIABLES)


async def ended(site: Site, row: Row) -> Row:
    for _ in range(MOMENTS):
        now = await site.aap.job(row.type, str(row.id))
        assert now is not None
        if not now.active:
            return now
        site.clock.pass_time(1)
    raise AssertionError(f"job {row.id} has not ended in {MOMENTS} s")


async def created_between(
    site: Site, since: datetime | None = None, until: datetime | None = None, *templates: int
) -> list[Row]:
    return [row async for row in site.aap.created_between(since, until, templates)]


# -- templates


async def test_a_template_is_found_by_its_exact_name(site: Site) -> None:
    template = await the(site)
    assert (template.name, template.type) == (CREATE, TemplateKind.JOB)
    assert template.ask_variables_on_launch
    assert (await the(site, FLOW)).type is TemplateKind.WORKFLOW
    assert await site.aap.templates("nothing of that name") == []


async def test_every_template_of_a_name_is_found(site: Site) -> None:
    site.state.put_template(model.Template(name=CREATE, organization="Other"))
    site.state.put_template(model.Template(name=CREATE, kind=WORKFLOW))
    assert len(await site.aap.templates(CREATE)) == 3


# -- launching


@pytest.mark.parametrize(("name", "kind"), [(CREATE, JobKind.JOB), (FLOW, JobKind.WORKFLOW_JOB)])
async def test_a_launch_answers_with_the_job(site: Site, name: str, kind: JobKind) -> None:
    row = await launched(site, name)
    assert (row.type, row.state, row.ignored_fields) == (kind, JobState.PENDING, {})
    assert row.extra_vars is not None
    assert "lab/vm/uid-1/1" in row.extra_vars


async def test_the_launch_of_a_sliced_template_is_a_workflow_job(site: Site) -> None:
    put = site.state.put_template(model.Template(name="sliced", job_slice_count=3))
    row = await launched(site, "sliced")
    assert row.type is JobKind.WORKFLOW_JOB
    assert (await ended(site, row)).state is JobState.SUCCEEDED
    rows = await created_between(site, None, None, put.id)
    assert sorted(row.launch_type for row in rows) == ["manual"] + ["workflow"] * 3


async def test_a_job_template_that_prompts_for_no_variables_says_what_it_ignored(site: Site) -> None:
    site.state.put_template(model.Template(name="deaf", ask_variables_on_launch=False))
    assert "extra_vars" in (await launched(site, "deaf")).ignored_fields


async def test_a_workflow_template_that_prompts_for_no_variables_refuses(site: Site) -> None:
    site.state.put_template(model.Template(name="deaf", kind=WORKFLOW, ask_variables_on_launch=False))
    with pytest.raises(Refused, match="cloudkit_job") as refused:
        await launched(site, "deaf")
    assert (refused.value.status, refused.value.system) == (400, "AAP")


async def test_a_template_that_is_gone_is_not_found(site: Site) -> None:
    template = await the(site)
    site.state.remove_template(template.id)
    with pytest.raises(NotFound):
        await site.aap.launch(template, VARIABLES)


# -- launches that go wrong on the way


async def test_a_launch_that_was_not_sent_has_not_happened(site: Site) -> None:
    template = await the(site)
    await site.mishaps.do_not_send()
    with pytest.raises(Unreachable) as raised:
        await site.aap.launch(template, VARIABLES)
    assert raised.value.system == "AAP"
    assert await created_between(site) == []


async def test_a_launch_that_never_arrived_leaves_nothing_behind(site: Site) -> None:
    template = await the(site)
    await site.mishaps.lose_request()
    with pytest.raises(Unanswered):
        await site.aap.launch(template, VARIABLES)
    site.clock.pass_time(LATEST)
    assert await created_between(site) == []


async def test_a_launch_whose_answer_was_lost_runs(site: Site) -> None:
    template = await the(site)
    await site.mishaps.lose_answer()
    with pytest.raises(Unanswered) as raised:
        await site.aap.launch(template, VARIABLES)
    assert raised.value.system == "AAP"
    (row,) = await created_between(site, None, None, template.id)
    assert (await ended(site, row)).state is JobState.SUCCEEDED


async def test_a_launch_that_is_committed_late_is_seen_late_and_looks_old_then(site: Site) -> None:
    template = await the(site)
    sent = site.clock.now()
    await site.mishaps.commit_late()
    with pytest.raises(Unanswered):
        await site.aap.launch(template, VARIABLES)
    assert await created_between(site) == []
    site.clock.pass_time(LATEST)
    (row,) = await created_between(site, sent, sent + SECOND, template.id)
    assert row.created == sent


# -- asking for jobs


async def test_a_job_is_found_by_its_id_whatever_its_kind(site: Site) -> None:
    job, flow = await launched(site), await launched(site, FLOW)
    for row in (job, flow):
        for kind in (row.type, None):
            found = await site.aap.job(kind, str(row.id))
            assert found is not None
            assert found.id == row.id
    assert await site.aap.job(JobKind.JOB, str(flow.id)) is None
    assert {row.id for row in await site.aap.jobs([str(job.id), str(flow.id), "99999"])} == {job.id, flow.id}


@pytest.mark.parametrize("id", ["99999", "", "eda-webhook-1", "../job_templates/7", "7/cancel", "\u0667"])
async def test_an_id_that_is_none_of_a_job_finds_nothing(site: Site, id: str) -> None:
    assert await site.aap.job(None, id) is None
    assert await site.aap.jobs([id]) == []


async def test_a_job_tells_its_times(site: Site) -> None:
    born = site.clock.now()
    row = await launched(site)
    now = await ended(site, row)
    assert (row.created, row.started, row.finished) == (born, None, None)
    assert now.started is not None
    assert now.finished is not None
    assert born < now.started < now.finished <= site.clock.now()


async def test_jobs_are_listed_by_when_they_were_created(site: Site) -> None:
    template = await the(site)
    row = await site.aap.launch(template, VARIABLES)

    async def ids(since: datetime | None, until: datetime | None, *templates: int) -> list[int]:
        return [row.id for row in await created_between(site, since, until, *templates)]

    assert await ids(row.created, row.created + SECOND, template.id) == [row.id]
    assert await ids(row.created - SECOND, row.created, template.id) == []
    assert await ids(row.created + SECOND, None, template.id) == []
    assert await ids(None, None, template.id + 1) == []
    assert await ids(None, None) == [row.id]


async def test_what_was_created_or_has_ended_lately_is_listed(site: Site) -> None:
    template = await the(site)
    site.state.add_rules((Rule(outcome=Outcome.STUCK),))
    old = await site.aap.launch(template, VARIABLES)
    site.clock.pass_time(1)
    new = await site.aap.launch(template, VARIABLES)
    assert await changed(site, new.created, template.id) == {new.id}
    site.state.force(job_of(site, old), Status.SUCCESSFUL, site.state.now)
    assert await changed(site, new.created, template.id) == {old.id, new.id}
    assert await changed(site, new.created, template.id + 1) == set()


async def test_without_a_time_the_newest_job_of_each_kind_alone_is_listed(site: Site) -> None:
    template, flow = await the(site), await the(site, FLOW)
    for _ in range(3):
        flow_job = await site.aap.launch(flow, VARIABLES)
        job = await site.aap.launch(template, VARIABLES)
    assert await changed(site, None, template.id, flow.id) == {job.id, flow_job.id}


async def changed(site: Site, since: datetime | None, *templates: int) -> set[int]:
    return {row.id for row in await site.aap.changed_since(since, templates)}


def job_of(site: Site, row: Row) -> model.Job:
    job = site.state.jobs.get(row.id)
    assert job is not None
    return job


# -- canceling


@pytest.mark.parametrize("name", [CREATE, FLOW])
async def test_a_job_that_runs_is_canceled(site: Site, name: str) -> None:
    site.state.add_rules((Rule(outcome=Outcome.STUCK),))
    row = await launched(site, name)
    site.clock.pass_time(2)
    assert await cancel(site.aap, row)
    assert (await ended(site, row)).state is JobState.CANCELED


@pytest.mark.parametrize("superuser", [False, True], ids=["403 for an ordinary token", "405 for a superuser"])
async def test_a_job_that_has_ended_needs_no_cancel(site: Site, superuser: bool) -> None:
    if superuser:
        await site.mishaps.become_superuser()
    row = await ended(site, await launched(site))
    with pytest.raises(Refused) as refused:
        await site.aap.cancel(row.type, str(row.id))
    assert (refused.value.status, isinstance(refused.value, Forbidden)) == (
        (405, False) if superuser else (403, True)
    )
    assert not await cancel(site.aap, row)


async def test_a_purged_job_needs_no_cancel(site: Site) -> None:
    row = await launched(site)
    site.state.purge(job_of(site, row), site.state.now, by="cleanup")
    with pytest.raises(NotFound):
        await site.aap.cancel(row.type, str(row.id))
    assert not await cancel(site.aap, row)


# -- why a job failed


async def test_a_failed_playbook_says_task_host_and_message(site: Site) -> None:
    site.state.add_rules((Rule(outcome=Outcome.FAILED),))
    row = await ended(site, await launched(site))
    assert row.state is JobState.FAILED
    assert (await site.aap.failure(row)).startswith("Create virtual machine on localhost: exceeded quota")


@pytest.mark.parametrize("name", [FLOW, "sliced"])
async def test_a_failed_workflow_says_what_its_failed_job_says(site: Site, name: str) -> None:
    site.state.add_rules((Rule(outcome=Outcome.FAILED),))
    site.state.put_template(model.Template(name="sliced", job_slice_count=2))
    row = await ended(site, await launched(site, name))
    below = CREATE if name == FLOW else name
    told = await site.aap.failure(row)
    assert told.startswith(f"{below}: Create virtual machine on localhost: exceeded quota")


async def test_a_job_that_aap_itself_broke_says_its_traceback(site: Site) -> None:
    """No list has it, only the job's own page."""
    site.state.add_rules((Rule(outcome=Outcome.ERROR),))
    template = await the(site)
    await ended(site, await site.aap.launch(template, VARIABLES))
    (row,) = await site.aap.changed_since(None, {template.id})
    assert "the execution environment could not be started" in await site.aap.failure(row)


async def test_a_job_that_aap_gave_up_says_why(site: Site) -> None:
    row = await launched(site)
    site.state.force(
        job_of(site, row), Status.FAILED, site.state.now, explanation="Job terminated due to timeout"
    )
    now = await ended(site, row)
    assert await site.aap.failure(now) == "Job terminated due to timeout"


async def test_a_job_that_was_purged_says_nothing_any_more(site: Site) -> None:
    site.state.add_rules((Rule(outcome=Outcome.FAILED),))
    row = await ended(site, await launched(site))
    site.state.purge(job_of(site, row), site.state.now, by="cleanup")
    with pytest.raises(NotFound):
        await site.aap.failure(row)
