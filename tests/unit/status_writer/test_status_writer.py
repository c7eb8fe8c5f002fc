"""The status-writer: what it writes when, how often, and what it survives."""

from itertools import permutations

import msgspec
import pytest

from cloudkit.contracts.errors import Conflict, Malformed, Refused, Unanswered, Unreachable
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.instance import FINALIZER, PLAYBOOK_FINALIZERS, ComputeInstance, Phase
from cloudkit.contracts.intents import Follow
from cloudkit.contracts.jobs import JobState, JobType
from cloudkit.runtime.answers import DONE, Never
from cloudkit.runtime.metrics import STATUS_WRITES, UNREADABLE_INSTANCES
from unit.status_writer.world import World

LAUNCHED, RUNNING = JobEventName.LAUNCHED, JobEventName.RUNNING
SUCCEEDED, FAILED = JobEventName.SUCCEEDED, JobEventName.FAILED


async def test_a_new_instance_gets_our_finalizer_before_anything_else_and_at_once(world: World) -> None:
    vm = world.create(finalizers=("others/finalizer",))
    world.reconcile(vm.ref)
    await world.settle()
    assert world.kube.now().metadata.finalizers == ("others/finalizer", FINALIZER)
    assert world.kube.writes == ["finalizers"]


async def test_adoption_status_and_the_launch_take_two_writes_and_two_reads(world: World) -> None:
    vm = world.create(finalizers=())
    messages = [world.reconcile(vm.ref)]
    await world.settle()
    messages.append(world.reconcile(vm.ref))
    await world.settle()
    messages.append(world.record(await world.happens(LAUNCHED, vm)))
    messages.append(world.record(await world.happens(JobEventName.WAITING, vm)))
    await world.gathered()
    assert [message.result() for message in messages] == [DONE] * 4
    assert world.kube.writes == ["finalizers", "status"]
    assert world.kube.reads == 2
    assert world.kube.now().status.phase is Phase.PROGRESSING
    assert [job.state for job in world.kube.now().jobs] == [JobState.WAITING]


async def test_news_that_keeps_coming_is_written_in_time_all_the_same(world: World) -> None:
    vm = world.create()
    for _ in range(20):
        world.record(await world.happens(RUNNING, vm))
        world.reconcile(vm.ref)
        await world.clock.advance(0.05)
    assert world.kube.writes.count("status") >= 1


async def test_an_end_that_the_status_lost_is_looked_up_once_the_next_job_shows_it(world: World) -> None:
    vm = world.create()
    world.record(await world.happens(RUNNING, vm))
    await world.gathered()
    await world.happens(FAILED, vm)  # The status comes from a backup, or this news got lost.
    world.record(await world.happens(LAUNCHED, vm, number=2))
    await world.gathered()
    assert [job.state for job in world.kube.now().jobs] == [JobState.FAILED, JobState.PENDING]


async def test_an_end_that_nobody_saw_is_looked_up_only_once(world: World) -> None:
    vm = world.create()
    world.record(await world.happens(RUNNING, vm))
    await world.gathered()
    for name in (LAUNCHED, RUNNING, SUCCEEDED):
        world.record(await world.happens(name, vm, number=2))
        await world.gathered()
    assert [job.state for job in world.kube.now().jobs] == [JobState.UNKNOWN, JobState.SUCCEEDED]
    assert world.kube.reads == 2


async def test_the_end_of_a_job_is_written_at_once_with_what_waits(world: World) -> None:
    vm = world.create()
    running = world.record(await world.happens(RUNNING, vm))
    succeeded = world.record(await world.happens(SUCCEEDED, vm))
    await world.settle()
    assert running.result() == succeeded.result() == DONE
    assert world.kube.writes == ["status"]
    assert world.kube.now().status.phase is Phase.READY


async def test_a_message_is_not_answered_before_it_stands_in_kubernetes(world: World) -> None:
    vm = world.create()
    running = world.record(await world.happens(RUNNING, vm))
    await world.settle()
    assert not running.done()
    await world.gathered()
    assert running.result() == DONE
    assert [job.state for job in world.kube.now().jobs] == [JobState.RUNNING]


async def test_what_our_own_write_returned_spares_reading_again(world: World) -> None:
    vm = world.create()
    for event in (LAUNCHED, RUNNING, SUCCEEDED):
        world.record(await world.happens(event, vm))
        await world.gathered()
    assert world.kube.writes == ["status"] * 3
    assert world.kube.reads == 1


async def test_the_write_that_conflicts_is_projected_again_and_no_event_is_lost(world: World) -> None:
    vm = world.create()
    world.record(await world.happens(LAUNCHED, vm))
    await world.gathered()
    world.kube.before_write = [lambda: world.kube.edit("ns", "vm", spec={"vcpu": 2})]
    succeeded = world.record(await world.happens(SUCCEEDED, vm))
    await world.settle()
    assert succeeded.result() == DONE
    status = world.kube.now().status
    assert [job.job_id for job in status.jobs] == ["4001"]
    assert (status.phase, status.observed_generation) == (Phase.PROGRESSING, 2)


async def test_the_adoption_that_conflicts_is_decided_again(world: World) -> None:
    vm = world.create(finalizers=("others/finalizer",))
    world.kube.before_write = [lambda: world.kube.delete("ns", "vm")]
    world.reconcile(vm.ref)
    await world.gathered()
    assert world.kube.now().metadata.finalizers == ("others/finalizer",)


async def test_who_is_always_overtaken_leaves_the_message_for_later(world: World) -> None:
    vm = world.create()

    def overtake() -> None:
        world.kube.before_write.append(overtake)
        world.kube.edit("ns", "vm", annotations={"version": world.kube.now().metadata.resource_version})

    overtake()
    failed = world.record(await world.happens(FAILED, vm))
    await world.settle()
    assert isinstance(failed.exception(), Conflict)
    world.kube.before_write.clear()
    again = world.record(world.log.events[0])
    await world.settle()
    assert again.result() == DONE
    assert world.kube.now().status.phase is Phase.FAILED


async def test_a_status_write_that_the_schema_refuses_is_counted_and_comes_again(world: World) -> None:
    vm = world.create()
    refusals = STATUS_WRITES.labels("status", "Refused")._value.get()
    world.kube.failures = [Refused("jobs[0].state: unsupported value", status=422, reason="Invalid")]
    refused = world.record(await world.happens(SUCCEEDED, vm))
    await world.settle()
    assert isinstance(refused.exception(), Refused)
    assert STATUS_WRITES.labels("status", "Refused")._value.get() == refusals + 1
    again = world.record(world.log.events[0])
    await world.settle()
    assert again.result() == DONE
    assert world.kube.now().status.phase is Phase.READY


async def test_a_write_whose_answer_was_lost_is_found_done_when_the_message_comes_again(
    world: World,
) -> None:
    vm = world.create()
    world.kube.lost_answers = [Unanswered("timeout")]
    lost = world.record(await world.happens(SUCCEEDED, vm))
    await world.settle()
    assert isinstance(lost.exception(), Unanswered)
    again = world.record(world.log.events[0])
    await world.settle()
    assert again.result() == DONE
    assert world.kube.writes == ["status"]


async def test_while_kubernetes_is_away_every_message_comes_again(world: World) -> None:
    vm = world.create()
    world.kube.failures = [Unreachable("away")]
    first = world.record(await world.happens(RUNNING, vm))
    second = world.record(await world.happens(SUCCEEDED, vm))
    await world.settle()
    assert isinstance(first.exception(), Unreachable)
    assert isinstance(second.exception(), Unreachable)


async def test_while_the_log_cannot_be_read_a_reconcile_comes_again(world: World) -> None:
    vm = world.create(finalizers=())
    world.log.failures = [Unreachable("away")]
    message = world.reconcile(vm.ref)
    await world.settle()
    assert isinstance(message.exception(), Unreachable)
    assert world.kube.writes == []


async def test_one_instance_that_cannot_be_written_does_not_hold_up_another(world: World) -> None:
    one, two = world.create("one"), world.create("two")
    world.kube.failures = [Unanswered("timeout")]
    message = world.record(await world.happens(SUCCEEDED, one))
    other = world.record(await world.happens(SUCCEEDED, two))
    await world.settle()
    assert message.exception() is not None
    assert other.result() == DONE


async def test_an_old_event_that_comes_late_changes_nothing(world: World) -> None:
    vm = world.create()
    launched = await world.happens(LAUNCHED, vm)
    world.record(await world.happens(SUCCEEDED, vm))
    await world.settle()
    late = world.record(launched)
    await world.gathered()
    assert late.result() == DONE
    assert world.kube.writes == ["status"]
    assert world.kube.now().status.phase is Phase.READY


async def test_an_event_that_comes_twice_is_written_once(world: World) -> None:
    vm = world.create()
    succeeded = await world.happens(SUCCEEDED, vm)
    for _ in range(2):
        world.record(succeeded)
        await world.settle()
    assert world.kube.writes == ["status"]


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_in_whichever_order_events_come_the_history_is_the_same(
    world: World, order: tuple[int, ...]
) -> None:
    vm = world.create()
    events = [await world.happens(event, vm) for event in (LAUNCHED, RUNNING, SUCCEEDED)]
    for place in order:
        world.record(events[place])
        await world.gathered()
    job = events[2].job
    assert world.kube.now().jobs == (msgspec.structs.replace(job, claimant=""),)


async def test_a_reconcile_brings_back_everything_that_the_log_knows(world: World) -> None:
    """Trap: the status write after a launch was lost, and with it the job's id."""
    vm = world.create()
    await world.happens(LAUNCHED, vm)
    await world.happens(FAILED, vm)
    await world.happens(LAUNCHED, vm, number=2)
    world.reconcile(vm.ref)
    await world.gathered()
    assert [job.job_id for job in world.kube.now().jobs] == ["4001", "4002"]
    assert world.kube.writes == ["status"]


async def test_a_reconcile_that_finds_everything_as_it_should_be_writes_nothing(world: World) -> None:
    vm = world.create()
    world.record(await world.happens(SUCCEEDED, vm))
    await world.settle()
    message = world.reconcile(vm.ref)
    await world.gathered()
    assert message.result() == DONE
    assert world.kube.writes == ["status"]


async def test_an_intent_older_than_five_minutes_is_not_acted_upon(world: World) -> None:
    vm = world.create(finalizers=())
    message = world.reconcile(vm.ref, age=301)
    await world.gathered()
    assert message.result() == DONE
    assert world.kube.writes == []


async def test_an_intent_for_somebody_else_is_a_dead_letter(world: World) -> None:
    vm = world.create()
    follow = Follow(instance=vm.ref, born=vm.metadata.creation_timestamp, number=1)
    message = world.ask(follow)
    await world.settle()
    assert isinstance(message.result(), Never)


async def test_after_a_successful_cleanup_our_finalizers_go_and_foreign_ones_stay(world: World) -> None:
    vm = await _deprovisioned(world, SUCCEEDED, finalizers=(FINALIZER, *PLAYBOOK_FINALIZERS, "foreign"))
    world.reconcile(vm.ref)
    await world.settle()
    assert world.kube.now().metadata.finalizers == ("foreign",)


async def test_after_a_release_the_instance_is_gone_and_all_is_well(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    vm = await _deprovisioned(world, SUCCEEDED, finalizers=(FINALIZER,))
    world.reconcile(vm.ref)
    await world.settle()
    assert world.kube.names() == []
    late = [world.record(event) for event in world.log.events]
    late.append(world.reconcile(vm.ref))
    await world.gathered()
    assert all(message.result() == DONE for message in late)
    assert "orphaned" not in capsys.readouterr().out


async def test_a_failed_cleanup_keeps_the_finalizer(world: World) -> None:
    vm = await _deprovisioned(world, FAILED, finalizers=(FINALIZER,))
    world.reconcile(vm.ref)
    await world.gathered()
    assert world.kube.now().adopted
    assert world.kube.now().status.phase is Phase.DELETING


async def test_what_only_the_log_knows_counts_before_a_release(world: World) -> None:
    """The status was lost and shows no job at all, the log knows that the machine still exists."""
    vm = world.create(finalizers=(FINALIZER, "foreign"))
    await world.happens(SUCCEEDED, vm)
    world.kube.delete("ns", "vm")
    world.reconcile(vm.ref)
    await world.gathered()
    assert world.kube.now().adopted
    await world.happens(SUCCEEDED, vm, 2, JobType.DEPROVISION)
    world.reconcile(vm.ref)
    await world.settle()
    assert world.kube.now().metadata.finalizers == ("foreign",)
    assert [job.type for job in world.kube.now().jobs] == [JobType.PROVISION, JobType.DEPROVISION]


async def test_a_job_whose_instance_is_gone_is_an_orphan_and_told_once(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    vm = world.create(finalizers=())
    world.kube.delete("ns", "vm")
    for event in (LAUNCHED, RUNNING, SUCCEEDED):
        message = world.record(await world.happens(event, vm))
        await world.gathered()
        assert message.result() == DONE
    told = capsys.readouterr().out
    assert told.count("orphaned job") == 1
    assert vm.ref.uid in told
    assert "4001" in told


async def test_an_instance_that_vanishes_under_a_write_leaves_an_orphan(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    vm = world.create(finalizers=())
    world.kube.before_write = [lambda: world.kube.delete("ns", "vm")]
    message = world.record(await world.happens(SUCCEEDED, vm))
    await world.settle()
    assert message.result() == DONE
    assert "orphaned job" in capsys.readouterr().out


async def test_a_launch_that_never_was_leaves_no_orphan(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    vm = world.create(finalizers=())
    world.kube.delete("ns", "vm")
    world.record(await world.happens(JobEventName.DELAYED, vm))
    await world.gathered()
    assert "orphaned" not in capsys.readouterr().out


async def test_recreated_under_the_same_name_events_of_the_former_life_are_not_written(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    old = world.create(finalizers=())
    world.record(await world.happens(RUNNING, old))
    await world.gathered()
    world.kube.delete("ns", "vm")
    new = world.create()
    late = world.record(await world.happens(SUCCEEDED, old))
    fresh = world.record(await world.happens(LAUNCHED, new))
    await world.gathered()
    assert late.result() == fresh.result() == DONE
    assert [job.state for job in world.kube.now().jobs] == [JobState.PENDING]
    assert "orphaned job" in capsys.readouterr().out


async def test_recreated_under_the_same_name_the_first_event_of_the_new_life_is_written(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    old = world.create(finalizers=())
    world.record(await world.happens(SUCCEEDED, old))
    await world.settle()
    world.kube.delete("ns", "vm")
    new = world.create()
    world.record(await world.happens(LAUNCHED, new))
    await world.gathered()
    assert len(world.kube.now().jobs) == 1
    assert "orphaned" not in capsys.readouterr().out


async def test_what_others_own_in_the_status_stays(world: World) -> None:
    vm = world.create()
    foreign = {"virtualMachineReference": {"name": "kubevirt"}}
    await world.kube.patch_status(vm, foreign)
    world.record(await world.happens(SUCCEEDED, vm))
    await world.settle()
    assert b'"kubevirt"' in bytes(world.kube.now().resource)


async def test_a_resource_that_cannot_be_read_is_counted_and_its_messages_are_done(world: World) -> None:
    """They come back from the log with the `Reconcile` that follows the repair."""
    vm = world.create()
    unreadable = UNREADABLE_INSTANCES._value.get()
    healthy = world.kube.get

    async def garbage(namespace: str, name: str) -> ComputeInstance | None:
        raise Malformed("not a valid ComputeInstance")

    world.kube.get = garbage  # type: ignore[method-assign]  # one test's own resource
    message = world.record(await world.happens(SUCCEEDED, vm))
    await world.settle()
    assert message.result() == DONE
    assert UNREADABLE_INSTANCES._value.get() == unreadable + 1
    world.kube.get = healthy  # type: ignore[method-assign]  # repaired
    world.reconcile(vm.ref)
    await world.gathered()
    assert world.kube.now().status.phase is Phase.READY


async def test_two_status_writers_at_once_do_no_harm(world: World) -> None:
    vm = world.create(finalizers=())
    other = world.another_writer()
    async with other.working():
        messages = [world.reconcile(vm.ref), world.reconcile(vm.ref, by=other)]
        await world.settle()
        for event in (LAUNCHED, RUNNING, SUCCEEDED):
            said = await world.happens(event, vm)
            messages += [world.record(said), world.record(said, by=other)]
            await world.gathered()
    assert [message.result() for message in messages] == [DONE] * 8
    assert world.kube.now().metadata.finalizers == (FINALIZER,)
    assert [job.state for job in world.kube.now().jobs] == [JobState.SUCCEEDED]


async def test_a_bug_is_told_to_every_message_that_shared_it(world: World) -> None:
    vm = world.create()

    async def bug(namespace: str, name: str) -> ComputeInstance | None:
        raise ZeroDivisionError

    world.kube.get = bug  # type: ignore[method-assign]  # a bug in what the handler calls
    messages = [world.record(await world.happens(SUCCEEDED, vm)), world.reconcile(vm.ref)]
    await world.settle()
    assert all(isinstance(message.exception(), ZeroDivisionError) for message in messages)


async def _deprovisioned(world: World, outcome: JobEventName, finalizers: tuple[str, ...]) -> ComputeInstance:
    """An instance that is being deleted and whose deprovision job has ended with *outcome*."""
    vm = world.create(finalizers=finalizers)
    world.record(await world.happens(SUCCEEDED, vm))
    await world.settle()
    world.kube.delete("ns", "vm")
    world.record(await world.happens(outcome, vm, 2, JobType.DEPROVISION))
    await world.settle()
    return vm


async def test_people_are_told_what_became_of_a_job(world: World) -> None:
    vm = world.create()
    world.record(await world.happens(LAUNCHED, vm))
    world.record(await world.happens(SUCCEEDED, vm))
    await world.gathered()
    assert [one.notice.reason for one in world.board.recorded] == ["JobLaunched", "Provisioned"]


async def test_people_are_told_nothing_that_could_not_be_written(world: World) -> None:
    vm = world.create()
    world.kube.failures = [Unreachable("away")]
    message = world.record(await world.happens(LAUNCHED, vm))
    await world.gathered()
    assert isinstance(message.exception(), Unreachable)
    assert world.board.recorded == ()


async def test_a_status_that_somebody_edited_by_hand_is_corrected_from_the_log(world: World) -> None:
    vm = world.create()
    await world.happens(JobEventName.CLAIMED, vm)
    world.record(await world.happens(LAUNCHED, vm))
    await world.gathered()
    shown = world.kube.now()
    wish = {**msgspec.to_builtins(shown.status.jobs[0]), "state": "Succeeded"}
    await world.kube.patch_status(shown, {"phase": "Ready", "jobs": [wish]})
    world.reconcile(vm.ref)
    await world.gathered()
    assert (world.kube.now().status.phase, world.kube.now().jobs[0].state) == (
        Phase.PROGRESSING,
        JobState.PENDING,
    )
