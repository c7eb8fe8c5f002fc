"""What a playbook gets, and that it is recognised wherever it stands."""

from typing import Any

import msgspec
import pytest

from aap_poller.payload import Payload, extra_vars
from aap_poller.rows import JobKey, Row, ours
from cloudkit.contracts.intents import without_resource
from cloudkit.contracts.jobs import JobType
from unit.aap_poller.world import VM, Replica, World, resource

KEY = "lab/vm/uid-1/1"
IN_EDA = {"ansible_eda": {"event": {"payload": resource(VM)}}}
IN_OSAC = {"osac_job_vars": {"resource": resource(VM)}}

SHAPES = {
    Payload.ANSIBLE_EDA: {"cloudkit_job": KEY, **IN_EDA},
    Payload.OSAC_JOB_VARS: {"cloudkit_job": KEY, **IN_OSAC},
    Payload.BOTH: {"cloudkit_job": KEY, **IN_EDA, **IN_OSAC},
}


def row(variables: dict[str, Any]) -> Row:
    text = msgspec.json.encode(variables).decode()
    fields = {"id": 7, "type": "job", "status": "running", "created": "2026-01-01T00:00:00Z"}
    return msgspec.convert({**fields, "extra_vars": text}, Row)


@pytest.mark.parametrize(("payload", "variables"), SHAPES.items())
def test_the_resource_stands_where_the_playbooks_look_for_it(
    world: World, payload: Payload, variables: dict[str, Any]
) -> None:
    assert extra_vars(world.provision(), payload) == variables


def test_it_stands_where_eda_put_it_unless_told_otherwise(world: World) -> None:
    assert extra_vars(world.provision()) == SHAPES[Payload.ANSIBLE_EDA]


@pytest.mark.parametrize("payload", Payload)
def test_our_jobs_are_recognised_whatever_their_payload(world: World, payload: Payload) -> None:
    provision = ours(row(extra_vars(world.provision(3), payload)))
    deprovision = ours(row(extra_vars(world.deprovision(4), payload)))
    assert provision is not None
    assert deprovision is not None
    assert (provision.key, provision.type, provision.config_version) == (
        JobKey(VM, 3),
        JobType.PROVISION,
        "v1",
    )
    assert (deprovision.key, deprovision.type) == (JobKey(VM, 4), JobType.DEPROVISION)


@pytest.mark.parametrize("variables", [IN_EDA, IN_OSAC, {**IN_EDA, **IN_OSAC}], ids=["eda", "osac", "both"])
def test_jobs_of_the_go_operator_are_recognised_in_either_shape(variables: dict[str, Any]) -> None:
    job = ours(row(variables))
    assert job is not None
    assert (job.key, job.type, job.config_version) == (JobKey(VM, 0), JobType.PROVISION, "v1")


def test_a_deletion_of_the_go_operator_is_recognised_in_its_newer_shape() -> None:
    job = ours(row({"osac_job_vars": {"resource": resource(VM, deleting=True)}}))
    assert job is not None
    assert job.type is JobType.DEPROVISION


@pytest.mark.parametrize("theirs", [None, 5, "text", [], {"resource": 5}, {"event": None}], ids=str)
@pytest.mark.parametrize("place", ["ansible_eda", "osac_job_vars"])
def test_what_a_template_adds_in_the_other_place_hides_no_job_of_ours(place: str, theirs: object) -> None:
    variables = {"cloudkit_job": KEY, **IN_EDA, **IN_OSAC, place: theirs}
    job = ours(row(variables))
    assert job is not None
    assert (job.key, job.config_version) == (JobKey(VM, 1), "v1")


def test_variables_that_osac_adds_beside_the_resource_are_no_harm() -> None:
    more = {"osac_job_vars": {**IN_OSAC["osac_job_vars"], "tenant_storage_classes": [{"name": "fast"}]}}
    assert ours(row(more)) is not None


async def test_an_intent_without_its_resource_launches_nothing_and_says_why_once(
    world: World, replica: Replica
) -> None:
    intent = without_resource(world.provision(), size=1_400_000, limit=1_048_576)
    for _ in range(5):
        await replica.launch(intent)
        world.clock.pass_time(5)
    assert world.story == ["delayed"]
    assert world.last.job.reason == "PayloadTooLarge"
    assert world.aap.launches == []


async def test_a_resource_that_fits_again_is_launched(world: World, replica: Replica) -> None:
    await replica.launch(without_resource(world.provision(), size=1_400_000, limit=1_048_576))
    await replica.launch(world.provision())
    assert world.story == ["delayed", "claimed", "launched"]


async def test_a_running_job_is_stopped_for_a_cleanup_whose_resource_is_too_large(
    world: World, replica: Replica
) -> None:
    await replica.launch(world.provision())
    await replica.launch(without_resource(world.deprovision(), size=1_400_000, limit=1_048_576))
    assert world.aap.cancels == [4711]


async def test_events_never_carry_the_resource(world: World, replica: Replica) -> None:
    large = {**resource(VM), "spec": {"templateParameters": "x" * 100_000}}
    await replica.launch(world.provision(resource=large))
    await replica.sweep.once()
    assert world.story == ["claimed", "launched"]
    assert all(len(msgspec.json.encode(event)) < 2_000 for event in world.log.events)
