"""Canceling and deleting jobs."""

import msgspec

from contract.aap.conftest import CREATE, ENDED, RUNNING, SETTINGS, Aap
from sandbox.aap.model import Template, User
from sandbox.aap.playbooks import Rule


async def test_a_pending_job_is_canceled_at_once_and_never_started(aap: Aap) -> None:
    id = await aap.launched()

    response = await aap.http.post(f"/jobs/{id}/cancel/")

    assert (response.status_code, response.content) == (202, b"")
    aap.clock.pass_time(ENDED)
    job = await aap.job(id)
    assert (job["status"], job["started"], job["elapsed"]) == ("canceled", None, 0.0)
    assert (job["failed"], job["modified"]) == (True, job["created"])


async def test_a_waiting_job_is_canceled_at_once(aap: Aap) -> None:
    id = await aap.launched()
    aap.clock.pass_time(1.5)

    await aap.http.post(f"/jobs/{id}/cancel/")

    assert (await aap.job(id))["status"] == "canceled"


async def test_a_running_job_runs_on_for_a_while(aap: Aap) -> None:
    id = await aap.launched()
    aap.clock.pass_time(RUNNING)

    first = await aap.http.post(f"/jobs/{id}/cancel/")
    aap.clock.pass_time(1)
    again = await aap.http.post(f"/jobs/{id}/cancel/")
    job = await aap.job(id)
    aap.clock.pass_time(1)

    assert (first.status_code, again.status_code) == (202, 202)
    assert (job["status"], job["canceled_on"]) == ("running", "2026-01-01T00:00:03Z")
    ended = await aap.job(id)
    assert (ended["status"], ended["finished"]) == ("canceled", "2026-01-01T00:00:05Z")


async def test_a_job_may_end_by_itself_before_the_cancel_reaches_it(aap: Aap) -> None:
    id = await aap.launched()
    aap.clock.pass_time(6)

    await aap.http.post(f"/jobs/{id}/cancel/")
    aap.clock.pass_time(ENDED)

    assert (await aap.job(id))["status"] == "successful"


async def test_a_stuck_job_ends_when_it_is_canceled(aap: Aap) -> None:
    id = await aap.launched("vm-stuck")
    aap.clock.pass_time(10_000)

    await aap.http.post(f"/jobs/{id}/cancel/")
    aap.clock.pass_time(2)

    assert (await aap.job(id))["status"] == "canceled"


async def test_a_canceled_job_may_turn_out_to_have_succeeded(aap: Aap) -> None:
    await aap.control.add_rules(Rule(survives_cancel=True))
    id = await aap.launched()
    aap.clock.pass_time(RUNNING)

    request = await aap.held_up(aap.http.post(f"/jobs/{id}/cancel/"))
    await aap.clock.advance(SETTINGS.dispatcher_seconds)
    await request
    canceled = await aap.job(id)
    aap.clock.pass_time(ENDED)

    assert canceled["status"] == "canceled"
    ended = await aap.job(id)
    assert (ended["status"], ended["finished"]) == ("successful", canceled["finished"])


async def test_the_cancel_of_an_ended_job_is_405_for_a_superuser_and_403_for_others(
    aap: Aap, as_superuser: dict[str, str]
) -> None:
    id = await aap.launched()
    aap.clock.pass_time(ENDED)

    ordinary = await aap.http.post(f"/jobs/{id}/cancel/")
    superuser = await aap.http.post(f"/jobs/{id}/cancel/", headers=as_superuser)

    assert ordinary.status_code == 403
    assert ordinary.json() == {"detail": "You do not have permission to perform this action."}
    assert superuser.status_code == 405
    assert superuser.json() == {"detail": 'Method "POST" not allowed.'}


async def test_somebody_elses_job_cannot_be_canceled(aap: Aap) -> None:
    await aap.control.add_token("theirs", User(id=10, username="them"))
    id = await aap.launched()

    response = await aap.http.post(f"/jobs/{id}/cancel/", headers={"Authorization": "Bearer theirs"})

    assert response.status_code == 403
    assert (await aap.job(id))["status"] == "pending"


async def test_who_may_cancel_can_be_changed_for_a_template_and_for_a_job(
    aap: Aap, as_superuser: dict[str, str]
) -> None:
    template = await aap.control.put_template(Template(name="guarded"))
    first, second = [await aap.launched(name, template="guarded") for name in ("a", "b")]
    await aap.control.put_template(msgspec.structs.replace(template, cancelable=False))
    await aap.control.mark(second, cancelable=True)

    codes = [(await aap.http.post(f"/jobs/{id}/cancel/")).status_code for id in (first, second)]
    assert codes == [403, 202]
    assert (await aap.http.post(f"/jobs/{first}/cancel/", headers=as_superuser)).status_code == 202


async def test_the_cancel_of_what_does_not_react_is_held_up_and_then_believed(aap: Aap) -> None:
    await aap.control.add_rules(Rule(survives_cancel=True, seconds=60))
    id = await aap.launched()
    aap.clock.pass_time(RUNNING)

    request = await aap.held_up(aap.http.post(f"/jobs/{id}/cancel/"))
    held_up = await aap.job(id)
    await aap.clock.advance(SETTINGS.dispatcher_seconds)

    assert (await request).status_code == 202
    assert (held_up["status"], (await aap.job(id))["status"]) == ("running", "canceled")


async def test_whether_a_job_can_be_canceled_can_be_asked_in_any_state(aap: Aap) -> None:
    id = await aap.launched()
    assert await aap.row(f"/jobs/{id}/cancel/") == {"can_cancel": True}

    aap.clock.pass_time(ENDED)

    assert await aap.row(f"/jobs/{id}/cancel/") == {"can_cancel": False}


async def test_a_workflow_is_canceled_only_after_its_nodes_have_ended(aap: Aap) -> None:
    id = await aap.launched("vm", template=f"{CREATE}-workflow")
    aap.clock.pass_time(5)
    [node] = (await aap.row(f"/workflow_jobs/{id}/workflow_nodes/"))["results"]

    response = await aap.http.post(f"/workflow_jobs/{id}/cancel/")
    assert response.status_code == 202
    aap.clock.pass_time(2)
    workflow, job = await aap.workflow_job(id), await aap.job(node["job"])
    assert (workflow["status"], job["status"]) == ("running", "canceled")
    assert workflow["canceled_on"] is not None
    aap.clock.pass_time(1)
    assert (await aap.workflow_job(id))["status"] == "canceled"


async def test_a_pending_workflow_is_canceled_at_once(aap: Aap) -> None:
    id = await aap.launched("vm", template=f"{CREATE}-workflow")

    await aap.http.post(f"/workflow_jobs/{id}/cancel/")

    aap.clock.pass_time(ENDED)
    assert (await aap.workflow_job(id))["status"] == "canceled"
    assert (await aap.row(f"/workflow_jobs/{id}/workflow_nodes/"))["count"] == 0


async def test_only_an_ended_job_can_be_deleted_and_only_by_a_superuser(
    aap: Aap, as_superuser: dict[str, str]
) -> None:
    id = await aap.launched()
    active = await aap.http.delete(f"/jobs/{id}/", headers=as_superuser)
    aap.clock.pass_time(7)
    processing = await aap.http.delete(f"/jobs/{id}/", headers=as_superuser)
    aap.clock.pass_time(1)
    ordinary = await aap.http.delete(f"/jobs/{id}/")
    superuser = await aap.http.delete(f"/jobs/{id}/", headers=as_superuser)

    codes = [one.status_code for one in (active, processing, ordinary, superuser)]
    assert codes == [403, 400, 403, 204]
    assert (await aap.http.get(f"/jobs/{id}/")).status_code == 404
    assert await aap.ids("/jobs/?finished__gte=2020-01-01T00:00:00Z") == []
