"""The lines that operators search for are those of the reference, word for word."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from sandbox.aap.model import Status
from unit.aap_poller.world import Life, Replica, World

PROVISION_FLOW = [
    "triggering provisioning",
    "provision job triggered",
    "provision job still running",
    "provision job succeeded",
]
DEPROVISION_FLOW = [
    "checking provision job before deprovision",
    "provision job is running, attempting to cancel",
    "deprovisioning not ready, requeueing",
    "canceled provision job",
    "triggering deprovisioning",
    "deprovision job triggered",
    "deprovision job still running",
    "deprovision job succeeded",
]


def about_jobs(logs: list[Any]) -> list[str]:
    return [entry["event"] for entry in logs if "provision" in entry["event"]]


async def test_a_provision_is_told_in_the_words_of_the_reference(world: World, replica: Replica) -> None:
    with capture_logs() as logs:
        await Life(world, replica, world.provision()).go_on(20)
    assert about_jobs(logs) == PROVISION_FLOW


async def test_a_deprovision_is_told_in_the_words_of_the_reference(world: World, replica: Replica) -> None:
    await replica.launch(world.provision())
    world.clock.pass_time(2)
    with capture_logs() as logs:
        await Life(world, replica, world.deprovision()).go_on(30)
    told = [line for line in about_jobs(logs) if line != "provision job still running"]
    assert told == DEPROVISION_FLOW


async def test_a_job_that_had_ended_is_told_as_terminal(world: World, replica: Replica) -> None:
    await replica.launch(world.provision())
    world.clock.pass_time(60)
    with capture_logs() as logs:
        await replica.launch(world.deprovision())
    assert "provision job already terminal" in about_jobs(logs)


@pytest.mark.parametrize("type", ["provision", "deprovision"])
async def test_a_failure_is_told_with_its_details(world: World, replica: Replica, type: str) -> None:
    if type == "deprovision":
        await Life(world, replica, world.provision()).go_on(20)
        await replica.launch(world.deprovision())
    else:
        await replica.launch(world.provision())
    job = list(world.aap.present().jobs)[-1]
    world.aap.state.force(job, Status.FAILED, world.clock.now())
    with capture_logs() as logs:
        await replica.sweep.once()
    (line,) = about_jobs(logs)
    assert line.startswith(f"{type} job failed: Create virtual machine on localhost: exceeded quota")


async def test_every_line_names_its_job(world: World, replica: Replica) -> None:
    with capture_logs() as logs:
        await Life(world, replica, world.provision()).go_on(20)
    lines = [entry for entry in logs if "provision" in entry["event"]]
    assert all((line["instance"], line["uid"], line["number"]) == ("lab/vm", "uid-1", 1) for line in lines)
    assert {line["job_id"] for line in lines} == {"", "4711"}
