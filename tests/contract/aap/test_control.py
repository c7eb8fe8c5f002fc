"""What happened, what exists, and what people do behind our back."""

from collections import Counter

import pytest

from contract.aap.conftest import DELETE, ENDED, RUNNING, Aap
from sandbox.aap.audit import AuditEvent
from sandbox.aap.model import Status, Template
from sandbox.aap.subjects import Purpose


async def machines(aap: Aap) -> list[tuple[str, str, bool]]:
    return [(one.name, one.uid, one.complete) for one in await aap.control.machines()]


async def test_a_provision_job_makes_the_machine_and_a_deprovision_job_removes_it(aap: Aap) -> None:
    await aap.launched("vm", uid="u1")
    aap.clock.pass_time(RUNNING)
    assert await machines(aap) == []
    aap.clock.pass_time(ENDED)
    assert await machines(aap) == [("vm", "u1", True)]

    await aap.launched("vm", uid="u1", template=DELETE, number=2)
    aap.clock.pass_time(ENDED)

    assert await machines(aap) == []


@pytest.mark.parametrize("seconds_before_cancel", [0.0, RUNNING])
async def test_only_a_job_that_ran_leaves_part_of_a_machine(aap: Aap, seconds_before_cancel: float) -> None:
    id = await aap.launched("vm")
    aap.clock.pass_time(seconds_before_cancel)
    await aap.control.cancel(id)
    aap.clock.pass_time(ENDED)

    assert (await aap.job(id))["status"] == "canceled"
    assert await machines(aap) == ([("vm", "u1", False)] if seconds_before_cancel else [])


async def test_a_failed_deprovision_leaves_the_machine(aap: Aap) -> None:
    await aap.launched("vm-undeletable")
    aap.clock.pass_time(ENDED)
    await aap.launched("vm-undeletable", template=DELETE)
    aap.clock.pass_time(ENDED)

    assert await machines(aap) == [("vm-undeletable", "u1", False)]


async def test_the_audit_log_tells_the_life_of_a_job(aap: Aap) -> None:
    id = await aap.launched("vm", uid="u7", number=3)
    aap.clock.pass_time(RUNNING)
    await aap.control.cancel(id, by="alice")
    aap.clock.pass_time(ENDED)

    entries = await aap.control.audit()

    assert [entry.event for entry in entries] == [
        AuditEvent.LAUNCH,
        AuditEvent.START,
        AuditEvent.CANCEL,
        AuditEvent.FINISH,
    ]
    assert [entry.by for entry in entries] == ["svc", "", "alice", ""]
    assert {(entry.job, entry.purpose, entry.name, entry.uid, entry.cloudkit_job) for entry in entries} == {
        (id, Purpose.PROVISION, "vm", "u7", "ns/vm/u7/3")
    }
    assert (entries[3].at - entries[0].at).total_seconds() == 5
    assert entries[3].status == "canceled"
    assert await aap.control.audit(after=3) == entries[3:]


async def test_launching_a_number_twice_is_seen(aap: Aap) -> None:
    await aap.launched("vm", number=1)
    aap.clock.pass_time(ENDED)
    assert await aap.control.violations() == []

    await aap.launched("vm", number=1)

    assert [one.rule for one in await aap.control.violations()] == ["a job number launched twice"]


async def test_requests_are_counted_by_method_and_route(aap: Aap) -> None:
    await aap.control.forget_requests()
    id = await aap.launched()
    for _ in range(2):
        await aap.job(id)
    await aap.row(f"/jobs/?id__in={id}")

    assert Counter(await aap.control.requests()) == {
        "POST /job_templates/{id}/launch/": 1,
        "GET /jobs/{id}/": 2,
        "GET /jobs/": 1,
    }


async def test_a_purged_job_is_gone_from_everywhere(aap: Aap) -> None:
    first, second = await aap.launched("a"), await aap.launched("b")
    aap.clock.pass_time(RUNNING)

    await aap.control.purge(first)
    aap.clock.pass_time(ENDED)

    assert (await aap.http.get(f"/jobs/{first}/")).status_code == 404
    assert await aap.ids(f"/jobs/?id__in={first},{second}") == [second]
    assert await machines(aap) == [("b", "u1", True)]


async def test_a_restored_controller_has_forgotten_its_jobs_and_counts_anew(aap: Aap) -> None:
    first = await aap.launched("a")

    await aap.control.restore()

    assert await aap.ids("/jobs/") == []
    assert await aap.launched("b") == first
    await aap.control.restore(next_id=100)
    assert await aap.launched("c") == 100
    assert [entry.job for entry in await aap.control.audit()] == [first, 0, first, 0, 100]


async def test_a_job_can_be_ended_by_hand(aap: Aap) -> None:
    id = await aap.launched("vm")
    aap.clock.pass_time(RUNNING)

    await aap.control.force(id, Status.SUCCESSFUL)

    assert (await aap.job(id))["finished"] == "2026-01-01T00:00:03Z"
    assert await machines(aap) == [("vm", "u1", True)]


async def test_templates_can_be_added_changed_and_removed(aap: Aap) -> None:
    added = await aap.control.put_template(Template(name="extra"))
    changed = await aap.control.put_template(Template(name="renamed", id=added.id))
    assert await aap.ids("/job_templates/?name=extra") == []
    assert await aap.ids("/job_templates/?name=renamed") == [changed.id]

    await aap.control.remove_templates([added.id])

    assert (await aap.http.get(f"/job_templates/{added.id}/")).status_code == 404
