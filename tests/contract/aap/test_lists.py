"""Lists: filters, order, pages, and what rows leave out."""

import json

import pytest

from contract.aap.conftest import CREATE, DELETE, ENDED, Aap
from sandbox.aap.model import Template, TemplateKind

LEFT_OUT = {
    "job_args",
    "job_cwd",
    "job_env",
    "result_traceback",
    "event_processing_finished",
    "host_status_counts",
    "playbook_counts",
    "custom_virtualenv",
}


@pytest.fixture
async def three(aap: Aap) -> list[int]:
    """One job that has ended, one that runs, and one that is pending."""
    first = await aap.launched("a")
    aap.clock.pass_time(ENDED)
    second = await aap.launched("b", template=DELETE)
    aap.clock.pass_time(3)
    return [first, second, await aap.launched("c")]


async def test_rows_carry_extra_vars_as_a_string_and_leave_out_what_is_costly(aap: Aap) -> None:
    id = await aap.launched()

    [row] = (await aap.row("/jobs/"))["results"]

    assert json.loads(row["extra_vars"])["cloudkit_job"] == "ns/vm/u1/1"
    assert not LEFT_OUT & set(row)
    assert set(await aap.job(id)) - set(row) == LEFT_OUT


FILTERS = {
    "everything by id without a filter": ("", [0, 1, 2]),
    "id__in": ("id__in={0},{2},999999", [0, 2]),
    "id__gt": ("id__gt={0}", [1, 2]),
    "status": ("status=successful", [0]),
    "status__in": ("status__in=pending,running", [1, 2]),
    "not__status": ("not__status=pending", [0, 1]),
    "name": (f"name={CREATE}", [0, 2]),
    "name__icontains": ("name__icontains=DELETE", [1]),
    "created__gte": ("created__gte=2026-01-01T00:00:10Z", [1, 2]),
    "created__gt": ("created__gt=2026-01-01T00:00:10Z", [2]),
    "finished__gte": ("finished__gte=2026-01-01T00:00:07Z", [0]),
    "finished__gt": ("finished__gt=2026-01-01T00:00:07Z", []),
    "finished__isnull": ("finished__isnull=true", [1, 2]),
    "failed": ("failed=false", [0, 1, 2]),
    "two plain filters must both hold": (f"name={CREATE}&status=pending", [2]),
    "or__ filters are one group": ("or__status=pending&or__status=running", [1, 2]),
    "the group and the rest must both hold": (
        f"or__finished__gte=2026-01-01T00:00:01Z&or__created__gte=2026-01-01T00:00:13Z&name={CREATE}",
        [0, 2],
    ),
    "a sweep sees nothing of what neither began nor ended": (
        "or__finished__gte=2026-01-01T00:00:12Z&or__created__gte=2026-01-01T00:00:13Z",
        [2],
    ),
    "order_by descending": ("order_by=-id", [2, 1, 0]),
    "order_by several": ("order_by=-name,-id", [1, 2, 0]),
    "nulls are the greatest": ("order_by=finished,id", [0, 1, 2]),
    "nulls come first when descending": ("order_by=-finished,id", [1, 2, 0]),
    "limit is reserved and does nothing": ("limit=1", [0, 1, 2]),
    "type of another kind finds nothing": ("type=workflow_job", []),
    "null compares to nothing": ("id__gt=null", []),
}


@pytest.mark.parametrize(("query", "expected"), FILTERS.values(), ids=FILTERS)
async def test_filters(aap: Aap, three: list[int], query: str, expected: list[int]) -> None:
    assert await aap.ids(f"/jobs/?{query.format(*three)}") == [three[place] for place in expected]


async def test_templates_can_be_filtered_by(aap: Aap, three: list[int]) -> None:
    create, delete = await aap.template_id(CREATE), await aap.template_id(DELETE)

    assert await aap.ids(f"/jobs/?unified_job_template={delete}") == [three[1]]
    assert await aap.ids(f"/jobs/?unified_job_template__in={create},{delete}") == three


REFUSED = {
    "id__in=": (400, "cannot provide empty value for __in"),
    "id__in=1,x": (400, '["“x” value must be an integer."]'),
    "id=x": (400, '["“x” value must be an integer."]'),
    "created__gt=yesterday": (400, "has an invalid format"),
    "nonsense=1": (400, "Job has no field named 'nonsense'"),
    "created__nonsense=1": (400, "Job has no field named 'nonsense'"),
    "order_by=nonsense": (400, "Cannot resolve keyword 'nonsense' into field."),
    "extra_vars__contains=x": (403, "Filtering on extra_vars is not allowed."),
    "extra_vars=x": (403, "Filtering on extra_vars is not allowed."),
    "page=2": (404, "Invalid page."),
    "page=0": (404, "Invalid page."),
    "page=x": (404, "Invalid page."),
}


@pytest.mark.parametrize(("query", "expected"), REFUSED.items(), ids=list(REFUSED))
async def test_refusals(aap: Aap, query: str, expected: tuple[int, str]) -> None:
    response = await aap.http.get(f"/jobs/?{query}")

    assert response.status_code == expected[0]
    assert expected[1] in response.json()["detail"]


async def test_pages_hold_25_rows_and_link_by_path(aap: Aap) -> None:
    for number in range(30):
        await aap.launched(f"vm-{number}")

    first = await aap.row("/jobs/?order_by=-id")
    assert (first["count"], len(first["results"]), first["previous"]) == (30, 25, None)
    assert first["next"] == "/api/controller/v2/jobs/?order_by=-id&page=2"
    second = await aap.row("/jobs/?order_by=-id&page=2")
    assert (len(second["results"]), second["next"]) == (5, None)
    assert second["previous"] == "/api/controller/v2/jobs/?order_by=-id"
    assert first["results"][-1]["id"] == second["results"][0]["id"] + 1


async def test_a_page_never_holds_more_than_200_rows(aap: Aap) -> None:
    for number in range(201):
        await aap.launched(f"vm-{number}")

    page = await aap.row("/jobs/?page_size=1000")

    assert (page["count"], len(page["results"])) == (201, 200)
    assert page["next"] == "/api/controller/v2/jobs/?page_size=200&page=2"


async def test_without_a_count_there_are_only_results_and_only_a_first_page(aap: Aap) -> None:
    for name in ("a", "b"):
        await aap.launched(name)

    assert set(await aap.row("/jobs/?count_disabled=1&page_size=1")) == {"results"}
    assert (await aap.http.get("/jobs/?count_disabled=1&page_size=1&page=2")).status_code == 404


async def test_both_kinds_of_jobs_stand_in_the_unified_list_alone(aap: Aap) -> None:
    job, workflow = await aap.launched("a"), await aap.launched("b", template=f"{CREATE}-workflow")

    assert await aap.ids("/unified_jobs/") == [job, workflow]
    assert await aap.ids("/unified_jobs/?type=job,workflow_job") == [job, workflow]
    assert await aap.ids("/unified_jobs/?type=workflow_job") == [workflow]
    assert await aap.ids("/workflow_jobs/") == [workflow]
    assert await aap.ids(f"/jobs/?id__in={job},{workflow}") == [job]


async def test_a_row_follows_the_status_of_its_job(aap: Aap) -> None:
    await aap.launched()
    seen = []
    for _ in range(9):
        [row] = (await aap.row("/jobs/"))["results"]
        seen.append((row["status"], row["elapsed"]))
        aap.clock.pass_time(1)

    assert seen == [
        ("pending", 0.0),
        ("waiting", 0.0),
        *(("running", float(seconds)) for seconds in range(5)),
        ("successful", 5.0),
        ("successful", 5.0),
    ]


async def test_templates_may_share_a_name_across_organizations_and_kinds(aap: Aap) -> None:
    put = aap.control.put_template
    ours = await put(Template(name="twin", organization="cloud"))
    theirs = await put(Template(name="twin", organization="other"))
    workflow = await put(Template(name="twin", organization="cloud", kind=TemplateKind.WORKFLOW_JOB_TEMPLATE))

    assert await aap.ids("/job_templates/?name=twin") == [ours.id, theirs.id]
    assert await aap.ids("/job_templates/?name=twin&organization__name=other") == [theirs.id]
    assert await aap.ids("/unified_job_templates/?name=twin&organization__name=cloud") == [
        ours.id,
        workflow.id,
    ]
    assert await aap.ids("/unified_job_templates/?name=twin&type=job_template&organization__name=cloud") == [
        ours.id
    ]
    assert await aap.ids(f"/unified_job_templates/?id__in={theirs.id},{workflow.id}") == [
        theirs.id,
        workflow.id,
    ]
