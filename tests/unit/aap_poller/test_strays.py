"""Jobs that AAP launched without our variables: stopped, seen to have ended, and never forgotten."""

import pytest

from aap_poller.strays import LOOK_AGAIN_AFTER
from cloudkit.contracts.errors import Forbidden, ProvisionerError, Unanswered, Unreachable
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.answers import DONE, Later
from sandbox.aap.model import Status
from sandbox.aap.playbooks import Outcome, Rule
from unit.aap_poller.aap import CREATE
from unit.aap_poller.world import Replica, World


@pytest.fixture
async def stray(world: World, replica: Replica) -> int:
    """Our template was changed after it was looked up; what runs now takes long."""
    world.aap.state.add_rules((Rule(outcome=Outcome.STUCK),))
    await replica.templates.find(JobType.PROVISION)
    world.aap.change_template(CREATE, ask_variables_on_launch=False)
    return 4711


async def test_it_is_canceled_and_reported(world: World, replica: Replica, stray: int) -> None:
    await replica.launch(world.provision())
    assert world.aap.cancels == [stray]
    assert (world.last.event, world.last.job.reason) == (JobEventName.DELAYED, "VariablesIgnored")
    assert f"Job {stray}" in world.last.job.message
    assert "Prompt on launch" in world.last.job.message


async def test_its_template_is_not_launched_again(world: World, replica: Replica, stray: int) -> None:
    await replica.launch(world.provision())
    world.clock.pass_time(60)
    for _ in range(3):
        await replica.launch(world.provision())
    assert len(world.aap.launches) == 1


@pytest.mark.parametrize(
    "failure",
    [
        Unreachable("gone", system="AAP"),
        Unanswered("no answer", system="AAP"),
        Forbidden("no", system="AAP", status=403),
    ],
    ids=["nothing was sent", "no answer", "forbidden"],
)
async def test_a_cancel_that_fails_is_tried_until_it_succeeds(
    world: World, replica: Replica, stray: int, failure: ProvisionerError
) -> None:
    world.aap.failures["cancel"] = [failure, failure, failure]
    for _ in range(3):
        answer = await replica.launch(world.provision())
        assert isinstance(answer, Later)
        assert answer.delay == LOOK_AGAIN_AFTER
        world.clock.pass_time(LOOK_AGAIN_AFTER)
    assert world.aap.cancels == []
    await replica.launch(world.provision())
    assert world.aap.cancels == [stray]


async def test_another_replica_stops_it_after_a_crash(world: World, replica: Replica, stray: int) -> None:
    world.aap.failures["cancel"] = [Unanswered("it dies while it waits", system="AAP")]
    await replica.launch(world.provision())
    await world.replica().launch(world.provision())
    assert world.aap.cancels == [stray]


async def test_it_is_canceled_although_the_log_is_away(world: World, replica: Replica, stray: int) -> None:
    async def away() -> None:
        world.log.failures = [Unreachable("the bus is away")]

    world.aap.meanwhile = away
    with pytest.raises(Unreachable):
        await replica.launch(world.provision())
    assert world.aap.cancels == [stray]


async def test_the_number_is_claimed_again_only_once_it_has_ended(
    world: World, replica: Replica, stray: int
) -> None:
    world.aap.state.add_rules((Rule(outcome=Outcome.STUCK, cancel_seconds=60),))
    await replica.launch(world.provision())
    world.clock.pass_time(2)
    world.aap.change_template(CREATE, ask_variables_on_launch=True)
    world.aap.state.force(world.aap.only(), Status.RUNNING, world.clock.now())
    assert isinstance(await replica.launch(world.provision()), Later)
    assert world.story == ["claimed", "delayed"]
    world.aap.state.finish(world.aap.only(), Status.CANCELED, world.clock.now())
    assert await replica.launch(world.provision()) == DONE
    assert world.story == ["claimed", "delayed", "claimed", "launched"]
    assert world.last.job.stray_id == ""


async def test_once_it_has_ended_the_resource_says_no_more_of_it_and_aap_is_not_asked_again(
    world: World, replica: Replica, stray: int
) -> None:
    await replica.launch(world.provision())
    await replica.launch(world.provision())
    assert world.last.job.stray_id == ""
    assert str(stray) not in world.last.job.message
    asked = len(world.aap.calls)
    await replica.launch(world.provision())
    assert world.aap.calls[asked:] == []


async def test_a_cleanup_waits_for_it_too(world: World, replica: Replica, stray: int) -> None:
    world.aap.failures["cancel"] = [Unanswered("no answer", system="AAP")]
    await replica.launch(world.provision())
    assert isinstance(await replica.launch(world.deprovision(1)), Later)
    assert world.aap.cancels == [stray]


async def test_it_is_no_job_of_the_resource(world: World, replica: Replica, stray: int) -> None:
    await replica.launch(world.provision())
    assert world.last.job.job_id == ""
    assert world.last.job.stray_id == str(stray)


@pytest.mark.parametrize("what", ["another template's", "a job with a key", "younger by an hour"])
async def test_a_job_that_has_got_its_id_is_left_alone(
    world: World, replica: Replica, stray: int, what: str
) -> None:
    """Ids start over when AAP is restored."""
    world.aap.failures["cancel"] = [Unanswered("no answer", system="AAP")]
    await replica.launch(world.provision())
    world.aap.change_template(CREATE, ask_variables_on_launch=True)
    world.aap.state.restore(stray)
    if what == "younger by an hour":
        world.clock.pass_time(3600)
    world.aap.put_template("another")
    template = "another" if what == "another template's" else CREATE
    world.aap.run(template, {"cloudkit_job": "lab/other/uid-9/1"} if what == "a job with a key" else {})
    assert world.aap.only().id == stray
    assert await replica.launch(world.provision()) == DONE
    assert world.aap.cancels == []
