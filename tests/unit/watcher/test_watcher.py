"""The watcher: what it asks when, and that nothing is lost, asked without end, or held up."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from cloudkit.contracts.instance import (
    MANAGEMENT_ANNOTATION,
    PAUSED_ANNOTATION,
    UNMANAGED,
    ComputeInstance,
    InstanceRef,
)
from cloudkit.contracts.intents import Provision, Reconcile
from cloudkit.contracts.jobs import JobRecord, JobState, JobType
from cloudkit.contracts.subjects import Addressee
from cloudkit.lifecycle.config_version import config_version
from cloudkit.lifecycle.project import project
from cloudkit.runtime.metrics import UNREADABLE_INSTANCES
from cloudkit.runtime.testing import ManualClock
from unit.watcher.world import World

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def asked_vcpus(world: World) -> list[int]:
    """Of each machine that was asked for."""
    provisions = (intent for _, intent in world.board.published if isinstance(intent, Provision))
    return [provision.resource["spec"]["vcpu"] for provision in provisions if provision.resource]


async def test_a_new_instance_is_first_to_be_adopted(world: World) -> None:
    async with world.watching():
        world.create("vm", adopted=False)
        await world.settle()
        assert world.board.standing() == ["Reconcile vm"]


async def test_an_adopted_instance_is_to_be_provisioned_and_its_status_written(world: World) -> None:
    async with world.watching():
        created = world.create("vm")
        await world.settle()
        assert world.board.standing() == ["Provision vm", "Reconcile vm"]
        (provision,) = [i for to, i in world.board.waiting if to is Addressee.AAP]
        assert isinstance(provision, Provision)
        assert (provision.number, provision.instance) == (1, created.ref)


async def test_instances_that_were_there_before_the_watcher_are_decided_on_too(world: World) -> None:
    world.create("vm")
    async with world.watching():
        assert world.board.standing() == ["Provision vm", "Reconcile vm"]


async def test_a_decision_is_made_again_until_its_effect_shows(world: World) -> None:
    async with world.watching():
        world.create("vm", adopted=False)
        await world.settle()
        await world.clock.advance(59)
        assert world.board.verbs() == ["Reconcile vm"]
        await world.clock.advance(2)
        assert world.board.verbs() == ["Reconcile vm", "Reconcile vm"]
        await world.clock.advance(60)
        assert len(world.board.published) == 3


async def test_at_a_wake_up_the_instance_is_read_again(world: World) -> None:
    """Whatever the feed did not tell, as in a watch that is cut off."""
    async with world.watching():
        created = world.create("vm", adopted=False)
        await world.settle()
        world.instances._feeds.clear()
        await world.instances.set_finalizers(created, ["cloudkit.openshift.io/computeinstance"])
        await world.clock.advance(61)
        assert world.board.standing() == ["Provision vm", "Reconcile vm"]


async def test_a_wake_up_of_an_instance_that_vanished_unseen_withdraws_its_intents(world: World) -> None:
    async with world.watching():
        world.create("vm", adopted=False)
        await world.settle()
        world.instances._feeds.clear()
        world.instances.delete("ns", "vm")
        await world.clock.advance(61)
        assert world.board.standing() == ["Reconcile vm"], "whoever reads the log shall look for a machine"
        await world.clock.advance(1000)
        assert world.board.verbs() == ["Reconcile vm", "Reconcile vm"]


async def test_a_change_that_asks_for_nothing_new_is_not_asked_twice(world: World) -> None:
    async with world.watching():
        world.create("vm")
        await world.settle()
        for stamp in range(20):
            world.instances.edit("ns", "vm", annotations={"noise": str(stamp)})
            await world.settle()
        assert world.board.verbs().count("Provision vm") == 1


async def test_a_launch_that_is_told_of_in_other_words_is_not_asked_for_again(world: World) -> None:
    async with world.watching():
        world.create("vm")
        await world.settle()
        for reason in ("JobLogNew", "LaunchUnconfirmed", "ProviderUnreachable"):
            vm = await world.instances.get("ns", "vm")
            assert vm is not None
            await world.instances.patch_status(vm, {"launch": {"number": 1, "reason": reason}})
            await world.settle()
        assert world.board.verbs().count("Provision vm") == 1


async def test_what_is_not_asked_twice_in_a_row_is_repeated_on_time_under_constant_noise(
    world: World,
) -> None:
    async with world.watching():
        world.create("vm")
        for stamp in range(13):
            world.instances.edit("ns", "vm", annotations={"noise": str(stamp)})
            await world.clock.advance(10)
        assert world.board.verbs().count("Provision vm") == 3


async def test_what_is_not_asked_twice_in_a_row_is_repeated_on_time_in_silence(world: World) -> None:
    async with world.watching():
        world.create("vm")
        await world.clock.advance(30)
        world.instances.edit("ns", "vm", annotations={"noise": "1"})
        await world.clock.advance(29)
        assert world.board.verbs().count("Provision vm") == 1
        await world.clock.advance(2)
        assert world.board.verbs().count("Provision vm") == 2


async def test_a_new_spec_is_asked_for_at_once(world: World) -> None:
    async with world.watching():
        world.create("vm", vcpu=1)
        await world.settle()
        world.instances.edit("ns", "vm", spec={"vcpu": 2})
        await world.settle()
        world.instances.edit("ns", "vm", spec={"vcpu": 1})
        await world.settle()
        assert world.board.verbs().count("Provision vm") == 3


async def test_a_relist_of_settled_instances_asks_for_nothing(world: World) -> None:
    async with world.watching():
        world.create("vm", adopted=False)
        await world.settle()
        world.board.take(Addressee.STATUS)
        world.instances.delete("ns", "vm")
        await world.settle()
        before = len(world.board.published)
        world.feed.list_again()
        await world.settle()
        assert len(world.board.published) == before


async def test_a_slow_publish_holds_up_only_its_own_instance(world: World) -> None:
    world.board.held = {"slow"}
    async with world.watching():
        world.create("slow")
        world.create("quick")
        await world.settle()
        assert world.board.standing() == ["Provision quick", "Reconcile quick"]


async def test_while_a_publish_is_on_its_way_only_the_newest_change_matters(world: World) -> None:
    world.board.held = {"vm"}
    async with world.watching():
        world.create("vm", vcpu=1)
        await world.settle()
        for vcpu in range(2, 10):
            world.instances.edit("ns", "vm", spec={"vcpu": vcpu})
        await world.settle()
        world.board.released.set()
        await world.settle()
        assert asked_vcpus(world) == [1, 9]
        assert world.instances.reads == 0


async def test_nothing_is_lost_while_the_bus_is_away(world: World) -> None:
    async with world.watching():
        world.board.away = True
        for number in range(100):
            world.create(f"vm{number}", adopted=False)
        await world.clock.advance(600)
        assert world.board.published == []
        world.board.away = False
        await world.clock.advance(6)
        assert len(world.board.standing()) == 100


async def test_a_failing_publish_is_replaced_by_the_newer_decision(world: World) -> None:
    async with world.watching():
        world.board.away = True
        world.create("vm", vcpu=1)
        await world.clock.advance(60)
        world.instances.edit("ns", "vm", spec={"vcpu": 2})
        await world.clock.advance(60)
        world.board.away = False
        await world.clock.advance(6)
        assert asked_vcpus(world) == [2]


async def test_an_instance_that_is_gone_has_its_intents_withdrawn(world: World) -> None:
    async with world.watching():
        world.create("vm", adopted=False)
        await world.settle()
        world.instances.delete("ns", "vm")
        await world.settle()
        assert world.board.standing() == []


async def test_an_intent_that_is_on_its_way_when_its_instance_vanishes_is_withdrawn(world: World) -> None:
    world.board.held = {"vm"}
    async with world.watching():
        world.create("vm", adopted=False)
        await world.settle()
        world.instances.delete("ns", "vm")
        await world.settle()
        world.board.released.set()
        await world.settle()
        assert world.board.verbs() == ["Reconcile vm"]
        assert world.board.standing() == []


async def test_intents_are_withdrawn_even_if_the_bus_was_away_when_the_instance_vanished(
    world: World,
) -> None:
    async with world.watching():
        world.create("vm", adopted=False)
        await world.settle()
        world.board.away = True
        world.instances.delete("ns", "vm")
        await world.clock.advance(60)
        world.board.away = False
        await world.clock.advance(6)
        assert world.board.standing() == []


async def test_recreated_under_the_same_name_the_old_intents_go_and_the_new_ones_stay(world: World) -> None:
    async with world.watching():
        world.create("vm")
        await world.settle()
        old = next(iter(world.instances.all())).instance
        world.instances.delete("ns", "vm")
        await world.instances.set_finalizers(next(iter(world.instances.all())).instance, [])
        new = world.create("vm", adopted=False)
        await world.settle()
        assert new.ref != old.ref
        assert [(to, intent.instance) for to, intent in world.board.waiting] == [(Addressee.STATUS, new.ref)]


async def test_the_first_list_withdraws_what_stood_there_of_instances_that_are_gone(world: World) -> None:
    gone = InstanceRef("ns", "gone", "uid")
    await world.board.publish(Addressee.AAP, Reconcile(instance=gone))
    async with world.watching():
        assert [(to, intent.instance) for to, intent in world.board.waiting] == [(Addressee.STATUS, gone)]


async def test_a_list_does_not_withdraw_what_was_asked_after_it_was_begun(world: World) -> None:
    """Another watcher may know an instance that is newer than our list."""
    async with world.watching() as watcher:
        newer = InstanceRef("ns", "newer", "uid")
        await watcher.before_the_list()
        await world.board.publish(Addressee.STATUS, Reconcile(instance=newer))
        watcher.everything_is(())
        await world.settle()
        assert world.board.standing() == ["Reconcile newer"]


async def test_an_instance_that_the_watch_missed_to_vanish_is_forgotten_by_the_next_list(
    world: World,
) -> None:
    async with world.watching() as watcher:
        world.create("vm", adopted=False)
        await world.settle()
        world.board.take(Addressee.STATUS)
        world.instances._feeds.clear()
        world.instances.delete("ns", "vm")
        await watcher.before_the_list()
        watcher.everything_is(())
        await world.clock.advance(200)
        assert world.board.verbs() == ["Reconcile vm", "Reconcile vm"]


async def test_an_intent_that_lands_while_the_list_is_read_which_lacks_its_instance_is_withdrawn(
    world: World,
) -> None:
    world.board.held = {"vm"}
    async with world.watching() as watcher:
        world.create("vm", adopted=False)
        await world.settle()
        world.instances._feeds.clear()
        world.instances.delete("ns", "vm")
        await watcher.before_the_list()
        world.board.released.set()
        await world.settle()
        assert world.board.standing() == ["Reconcile vm"]
        watcher.everything_is(())
        await world.settle()
        assert world.board.verbs() == ["Reconcile vm", "Reconcile vm"]


async def test_an_instance_whose_finalizer_was_taken_off_by_hand_is_looked_after_in_the_log(
    world: World,
) -> None:
    async with world.watching():
        world.create("vm")
        await world.settle()
        world.board.take(Addressee.STATUS)
        world.instances.delete("ns", "vm")
        await world.instances.set_finalizers(next(iter(world.instances.all())).instance, [])
        await world.settle()
        assert world.board.standing() == ["Reconcile vm"]


async def test_only_intents_of_our_namespace_are_withdrawn(world: World) -> None:
    await world.board.publish(Addressee.AAP, Reconcile(instance=InstanceRef("other", "vm", "uid")))
    async with world.watching("ns"):
        world.instances.create("other", "vm2")
        await world.settle()
        assert world.board.standing() == ["Reconcile vm"]


async def test_the_list_waits_until_the_board_can_be_read(world: World) -> None:
    world.board.away = True
    world.create("vm", adopted=False)
    async with world.watching():
        await world.clock.advance(30)
        world.board.away = False
        await world.clock.advance(2)
        assert world.board.standing() == ["Reconcile vm"]


@pytest.mark.parametrize("spec", [b"[]", b'"text"', b"{", b"null"])
async def test_an_instance_that_cannot_be_read_is_counted_and_stops_nobody(world: World, spec: bytes) -> None:
    unreadable = UNREADABLE_INSTANCES._value.get()
    async with world.watching() as watcher:
        vm = world.create("vm")
        metadata = msgspec.structs.replace(vm.metadata, name="garbage")
        watcher.saw(msgspec.structs.replace(vm, metadata=metadata, spec=msgspec.Raw(spec)))
        await world.settle()
        assert world.board.standing() == ["Provision vm", "Reconcile vm"]
        assert UNREADABLE_INSTANCES._value.get() == unreadable + 1
        await world.clock.advance(5)
        assert UNREADABLE_INSTANCES._value.get() == unreadable + 1


async def test_two_watchers_at_once_are_as_good_as_one(world: World) -> None:
    async with world.watching(), world.watching():
        world.create("vm")
        await world.settle()
        assert world.board.standing() == ["Provision vm", "Reconcile vm"]
        await world.clock.advance(60)
        assert world.board.standing() == ["Provision vm", "Reconcile vm"]


class StoppedWallClock(ManualClock):
    """Its monotonic time goes on, its wall-clock time does not."""

    def now(self) -> datetime:
        return self._start


async def test_a_wall_clock_that_stands_still_makes_no_busy_loop() -> None:
    world = World(StoppedWallClock())
    vm = world.create("vm")
    wait = world.policy.backoff(1, f"{vm.metadata.uid}/1")
    almost_over = world.clock.now() - wait + timedelta(milliseconds=1)
    failed = JobRecord(
        type=JobType.PROVISION,
        state=JobState.FAILED,
        timestamp=almost_over,
        finished_at=almost_over,
        block_deletion_on_failure=True,
        number=1,
        job_id="4001",
        config_version=config_version(vm.spec),
    )
    await world.instances.patch_status(vm, {"jobs": [failed]})
    async with world.watching():
        await world.clock.advance(10)
        assert 10 <= world.instances.reads <= 20


async def test_what_was_asked_for_is_taken_back_when_people_pause_an_instance(world: World) -> None:
    async with world.watching():
        world.create("vm")
        await world.settle()
        assert "Provision vm" in world.board.standing()
        world.instances.edit("ns", "vm", annotations={PAUSED_ANNOTATION: "true"})
        await world.settle()
        assert world.board.standing() == ["Reconcile vm"]
        world.instances.edit("ns", "vm", annotations={PAUSED_ANNOTATION: None})
        await world.settle()
        assert "Provision vm" in world.board.standing()


async def test_what_was_asked_for_is_taken_back_when_people_look_after_an_instance(world: World) -> None:
    async with world.watching():
        world.create("vm")
        await world.settle()
        world.instances.edit("ns", "vm", annotations={MANAGEMENT_ANNOTATION: UNMANAGED})
        await world.settle()
        assert "Provision vm" not in world.board.standing()


async def test_a_pause_takes_back_once_and_not_whenever_a_paused_instance_changes(world: World) -> None:
    async with world.watching():
        world.create("vm")
        for note in ("one", "two", "three"):
            world.instances.edit("ns", "vm", annotations={PAUSED_ANNOTATION: "true", "note": note})
            await world.settle()
        assert world.board.withdrawals == 1


async def test_a_watcher_that_starts_takes_back_what_was_asked_for_before_a_pause(world: World) -> None:
    async with world.watching():
        world.create("vm")
        await world.settle()
    world.instances.edit("ns", "vm", annotations={PAUSED_ANNOTATION: "true"})
    async with world.watching():
        assert "Provision vm" not in world.board.standing()


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"state": "Failed"}, id="another state"),
        pytest.param({"jobID": "1"}, id="another job"),
        pytest.param({"revision": 2}, id="an older revision"),
        pytest.param(None, id="no job at all"),
    ],
)
async def test_a_status_whose_jobs_somebody_edited_is_compared_with_the_log(
    world: World, edit: dict[str, object] | None
) -> None:
    vm = await _ready(world)
    async with world.watching():
        world.board.take(Addressee.STATUS)
        now = await world.instances.get("ns", "vm")
        assert now is not None
        jobs = [{**msgspec.to_builtins(job), **edit} for job in now.status.jobs] if edit else []
        await world.instances.patch_status(now, {"jobs": jobs})
        await world.settle()
        assert "Reconcile vm" in world.board.standing()
        assert vm.ref in {intent.instance for _, intent in world.board.waiting}


async def test_news_of_a_job_is_no_edit(world: World) -> None:
    await _ready(world)
    async with world.watching():
        world.board.take(Addressee.STATUS)
        now = await world.instances.get("ns", "vm")
        assert now is not None
        again = replace(now.status.jobs[0], revision=5, message="told anew")
        status = project(replace(now, status=replace(now.status, jobs=(again,))), (), NOW, world.policy)
        await world.instances.patch_status(now, msgspec.to_builtins(status))
        await world.settle()
        assert world.board.standing() == []


async def test_an_instance_that_a_watcher_finds_is_compared_with_the_log_once(world: World) -> None:
    """It may have come back from a backup while nobody watched."""
    await _ready(world)
    async with world.watching():
        assert world.board.verbs() == ["Reconcile vm"]
        world.instances.edit("ns", "vm", annotations={"note": "hello"})
        await world.clock.advance(3600)
        assert world.board.verbs() == ["Reconcile vm"]


async def test_an_instance_that_comes_back_while_it_is_watched_is_compared_with_the_log(world: World) -> None:
    vm = await _ready(world)
    async with world.watching():
        world.instances.delete("ns", "vm")
        (deleted,) = world.instances.all()
        await world.instances.set_finalizers(deleted.instance, ())
        await world.settle()
        world.board.published.clear()
        world.instances.restore(vm)
        await world.clock.advance(1)
        assert world.board.verbs() == ["Reconcile vm"]


async def test_a_thousand_that_a_watcher_finds_are_compared_with_the_log_one_after_the_other(
    world: World,
) -> None:
    for number in range(1000):
        await _ready(world, f"vm-{number}")
    async with world.watching():
        assert len(world.board.published) == 1
        await world.clock.advance(10)
        assert 450 <= len(world.board.published) <= 501
        await world.clock.advance(11)
        assert sorted(world.board.verbs()) == sorted(f"Reconcile vm-{number}" for number in range(1000))


async def test_one_that_has_no_jobs_yet_has_nothing_to_be_compared(world: World) -> None:
    vm = world.create("vm")
    await world.instances.patch_status(vm, msgspec.to_builtins(project(vm, (), NOW, world.policy)))
    async with world.watching():
        await world.clock.advance(50)
        assert world.board.verbs() == ["Provision vm"]


async def _ready(world: World, name: str = "vm") -> ComputeInstance:
    """An instance whose spec is applied, and whose status says so."""
    vm = world.create(name)
    job = JobRecord(
        type=JobType.PROVISION,
        state=JobState.SUCCEEDED,
        timestamp=NOW,
        finished_at=NOW,
        number=1,
        revision=4,
        job_id="4001",
        config_version=config_version(vm.spec),
    )
    status = project(replace(vm, status=replace(vm.status, jobs=(job,))), (), NOW, world.policy)
    return await world.instances.patch_status(vm, msgspec.to_builtins(status))
