"""Instances whose jobs Event-Driven Ansible runs. All in one world, side by side: nobody hears of a
playbook, so much of it is waiting.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from cloudkit.contracts.instance import FINALIZER, PLAYBOOK_FINALIZERS, ComputeInstance, Phase
from cloudkit.contracts.jobs import JobState, JobType, Provider
from e2e.states import (
    deprovision_is,
    has_jobs,
    is_failed,
    is_held_by_a_playbook,
    is_ready,
    job_is,
    provision_is,
    says,
)
from e2e.stories import Told, side_by_side
from e2e.world import EDA_PATIENCE, World, open_world, plan
from sandbox.aap.playbooks import Outcome, Rule
from sandbox.aap.subjects import Purpose
from sandbox.eda.faults import Fault
from sandbox.eda.playbooks import Playbook

Story = Callable[[World], Awaitable[None]]

PLAYBOOK_FINALIZER = PLAYBOOK_FINALIZERS[0]


async def an_instance_becomes_ready_and_when_deleted_its_machine_goes_first(world: World) -> None:
    vm = await world.create(vcpu=2, memory=4096)
    sent = await vm.until(says("Provisioned", "Unknown", "WebhookSent"))
    assert sent.status.provision_job is not None
    assert (sent.status.provision_job.id, sent.status.provision_job.state) == ("eda-webhook-1", "Unknown")
    ready = await vm.until(is_ready)
    assert set(ready.metadata.finalizers) == {FINALIZER, PLAYBOOK_FINALIZER}
    assert ready.reported_version == ready.status.desired_config_version
    assert vm.name in [machine.name for machine in await world.aap.machines()]
    await vm.delete_and_see_it_go()
    assert vm.name not in [machine.name for machine in await world.aap.machines()]
    assert await vm.webhooks() == await vm.launches() == ["provision", "deprovision"]
    last = vm.seen()[-1].status
    assert [(job.job_id, job.state) for job in last.jobs] == [
        ("eda-webhook-1", JobState.SUCCEEDED),
        ("eda-webhook-2", JobState.SUCCEEDED),
    ]
    assert not any(job.block_deletion_on_failure for job in last.jobs)
    phases = list(dict.fromkeys(one.status.phase for one in vm.seen() if one.status.phase))
    assert phases == [Phase.PROGRESSING, Phase.READY, Phase.DELETING]


async def a_changed_spec_is_told_to_eda_with_the_version_that_its_playbook_has_to_report(
    world: World,
) -> None:
    vm = await world.create(vcpu=2)
    first = await vm.until(is_ready)
    await vm.change(vcpu=4)
    await vm.until(has_jobs(2))
    second = await vm.until(is_ready)
    versions = [one.status.reconciled_config_version for one in (first, second)]
    assert versions[0] != versions[1]
    assert [one.config_version for one in await world.eda.webhooks(vm.ref.uid)] == versions
    assert [job.config_version for job in second.status.jobs] == versions


async def a_change_while_a_playbook_runs_is_applied_after_it(world: World) -> None:
    await world.aap.add_rules(Rule(name="busy-*", seconds=1.5))
    vm = await world.create("busy", vcpu=2)
    await vm.until(provision_is(JobState.UNKNOWN))
    await vm.change(vcpu=4)
    changed = await vm.until(has_jobs(2))
    await vm.until(is_ready)
    assert changed.status.jobs[0].state is JobState.SUCCEEDED
    assert await vm.what_happened() == ["launch provision", "start provision", "finish provision"] * 2


async def a_deletion_waits_for_the_playbook_that_runs_and_goes_on_when_it_is_done(world: World) -> None:
    await world.aap.add_rules(Rule(name="awaited-*", purpose=Purpose.PROVISION, seconds=1.5))
    vm = await world.create("awaited")
    await vm.until(is_held_by_a_playbook)
    await vm.delete()
    await vm.until(says("Deprovisioned", "False", "AwaitingPlaybook"))
    await vm.until(provision_is(JobState.SUCCEEDED))
    await vm.until_gone()
    assert await vm.what_happened() == [
        *("launch provision", "start provision", "finish provision"),
        *("launch deprovision", "start deprovision", "finish deprovision"),
    ]


async def a_deletion_waits_no_longer_than_it_has_patience(world: World) -> None:
    await world.aap.add_rules(
        Rule(name="late-*", purpose=Purpose.PROVISION, seconds=EDA_PATIENCE + 2),
        Rule(name="late-*", purpose=Purpose.DEPROVISION, seconds=4),  # ends after the other: it cleans up
    )
    vm = await world.create("late")
    await vm.until(is_held_by_a_playbook)
    await vm.delete()
    awaiting = await vm.until(says("Deprovisioned", "False", "AwaitingPlaybook"))
    abandoned = await vm.until(job_is(1, "Abandoned"))
    assert abandoned.status.jobs[0].state is JobState.UNKNOWN
    await vm.until_gone()
    _, removal = await world.eda.webhooks(vm.ref.uid)
    assert awaiting.metadata.deletion_timestamp is not None
    waited = (removal.at - awaiting.metadata.deletion_timestamp).total_seconds()
    assert EDA_PATIENCE <= waited < EDA_PATIENCE + 10


async def people_may_end_the_wait_for_a_playbook(world: World) -> None:
    await world.aap.add_rules(
        Rule(name="hopeless-*", purpose=Purpose.PROVISION, seconds=3),
        Rule(name="hopeless-*", purpose=Purpose.DEPROVISION, seconds=4),
    )
    vm = await world.create("hopeless")
    await vm.until(is_held_by_a_playbook)
    await vm.delete()
    await vm.until(says("Deprovisioned", "False", "AwaitingPlaybook"))
    await vm.annotate(abandon_job="1")
    await vm.until(job_is(1, "Abandoned"))
    await vm.until_gone()
    happened = await vm.what_happened()
    assert happened.index("launch deprovision") < happened.index("finish provision")


async def an_event_that_eda_lost_leaves_no_evidence_and_is_sent_again(world: World) -> None:
    await world.eda.add_faults(Fault(name="^lost-", heard=False))
    vm = await world.create("lost")
    failed = await vm.until(is_failed)
    assert failed.status.jobs[0].reason == "NoEvidence"
    assert await vm.launches() == []
    ready = await vm.until(is_ready)
    assert [(job.job_id, job.state) for job in ready.status.jobs] == [
        ("eda-webhook-1", JobState.FAILED),
        ("eda-webhook-2", JobState.SUCCEEDED),
    ]
    assert await vm.webhooks() == ["provision"] * 2


async def a_removal_that_eda_lost_keeps_the_instance_and_is_sent_again(world: World) -> None:
    await world.eda.add_faults(Fault(path="^/delete-", name="^sticky-", heard=False))
    vm = await world.create("sticky")
    await vm.until(is_ready)
    await vm.delete()
    failed = await vm.until(deprovision_is(JobState.FAILED))
    assert FINALIZER in failed.metadata.finalizers
    await vm.until_gone()
    assert await vm.webhooks() == ["provision", "deprovision", "deprovision"]
    assert await vm.launches() == ["provision", "deprovision"]


async def a_webhook_that_nobody_answered_counts_once_its_playbook_has_come(world: World) -> None:
    await world.aap.add_rules(Rule(name="mute-*", seconds=1))
    await world.eda.add_faults(Fault(name="^mute-", drop=True))
    vm = await world.create("mute")
    await vm.until(says("Provisioned", "Unknown", "WebhookUnanswered"))
    ready = await vm.until(is_ready)
    assert [job.job_id for job in ready.status.jobs] == ["eda-webhook-1"]
    assert await vm.webhooks() == ["provision"]


async def a_webhook_that_failed_and_left_no_trace_is_sent_again(world: World) -> None:
    await world.eda.add_faults(Fault(name="^broken-", status=500, heard=False))
    vm = await world.create("broken")
    await vm.until(says("Provisioned", "Unknown", "WebhookUnanswered"))
    failed = await vm.until(is_failed)
    assert failed.status.jobs[0].reason == "NoEvidence"
    await vm.until(is_ready)
    assert await vm.webhooks() == ["provision"] * 2
    assert await vm.launches() == ["provision"]


async def our_finalizer_is_put_back_where_a_playbook_has_dropped_it(world: World) -> None:
    await world.eda.add_playbooks(Playbook(name="rude-*", replaces_finalizers=True))
    vm = await world.create("rude")
    await vm.until(has_lost_our_finalizer)
    ready = await vm.until(is_ready)
    assert set(ready.metadata.finalizers) == {FINALIZER, PLAYBOOK_FINALIZER}
    await vm.delete_and_see_it_go()
    assert await vm.launches() == ["provision", "deprovision"]


async def a_playbook_that_reports_no_known_version_has_shown_nothing(world: World) -> None:
    await world.eda.add_playbooks(Playbook(name="vague-*", reports="unknown"))
    vm = await world.create("vague")
    failed = await vm.until(is_failed)
    assert failed.status.jobs[0].reason == "NoEvidence"
    assert failed.reported_version == "unknown"
    assert failed.status.reconciled_config_version == ""
    await vm.delete_and_see_it_go()


async def what_a_failed_playbook_left_behind_is_removed(world: World) -> None:
    await world.aap.add_rules(Rule(name="weak-*", purpose=Purpose.PROVISION, outcome=Outcome.FAILED))
    vm = await world.create("weak")
    await vm.until(is_failed)
    await vm.delete_and_see_it_go()
    assert (await vm.launches())[-1] == "deprovision"


async def an_instance_that_no_playbook_has_touched_goes_without_a_webhook(world: World) -> None:
    await world.eda.add_faults(Fault(name="^untouched-", heard=False, times=None))
    vm = await world.create("untouched")
    await vm.until(is_failed)
    await vm.delete_and_see_it_go()
    assert set(await vm.webhooks()) == {"provision"}
    assert vm.seen()[-1].status.jobs[-1].type is JobType.DEPROVISION


def has_lost_our_finalizer(instance: ComputeInstance) -> bool:
    return is_held_by_a_playbook(instance) and not instance.adopted


STORIES: tuple[Story, ...] = (
    an_instance_becomes_ready_and_when_deleted_its_machine_goes_first,
    a_changed_spec_is_told_to_eda_with_the_version_that_its_playbook_has_to_report,
    a_change_while_a_playbook_runs_is_applied_after_it,
    a_deletion_waits_for_the_playbook_that_runs_and_goes_on_when_it_is_done,
    a_deletion_waits_no_longer_than_it_has_patience,
    people_may_end_the_wait_for_a_playbook,
    an_event_that_eda_lost_leaves_no_evidence_and_is_sent_again,
    a_removal_that_eda_lost_keeps_the_instance_and_is_sent_again,
    a_webhook_that_nobody_answered_counts_once_its_playbook_has_come,
    a_webhook_that_failed_and_left_no_trace_is_sent_again,
    our_finalizer_is_put_back_where_a_playbook_has_dropped_it,
    a_playbook_that_reports_no_known_version_has_shown_nothing,
    what_a_failed_playbook_left_behind_is_removed,
    an_instance_that_no_playbook_has_touched_goes_without_a_webhook,
)


@pytest.fixture(scope="module")
async def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Told[Story]]:
    async with open_world(plan(tmp_path_factory.mktemp("eda"), provider=Provider.EDA)) as world:

        async def tell(story: Story) -> None:
            await story(world)

        async with side_by_side(request, tell) as told:
            yield told
        await world.finish()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_it_is_so(told: Told[Story], story: Story) -> None:
    await told[story]
