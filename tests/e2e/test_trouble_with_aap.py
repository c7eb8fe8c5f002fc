"""What stands in front of AAP, and how it is told of and waited out: proxies, limits, logins, tokens."""

from dataclasses import replace
from pathlib import Path

import pytest

from cloudkit.contracts.jobs import JobState
from e2e.states import condition, is_ready, provision_is, says
from e2e.world import SHORT_JOBS, World, open_world, plan
from sandbox.aap.audit import AuditEvent
from sandbox.aap.faults import Fault, FaultKind, login_page, proxy_error, too_many_requests
from sandbox.aap.playbooks import Rule

ALWAYS = None
AWAY = "cloudkit_aap_circuit_open"
UNLISTABLE = "cloudkit_aap_unlistable_jobs"
PAUSED = "cloudkit_aap_paused_until_timestamp_seconds"
TROUBLES = {
    "a proxy that finds nobody behind it": (proxy_error(502, "Bad Gateway", times=ALWAYS), AWAY, "502"),
    "a proxy that wants everybody to log in": (login_page(times=ALWAYS), AWAY, "Log in to"),
    "an AAP that is asked too often": (too_many_requests("3", times=ALWAYS), PAUSED, "429"),
}


@pytest.mark.parametrize(("fault", "shown", "told"), TROUBLES.values(), ids=TROUBLES)
async def test_trouble_is_told_in_words_and_launches_go_on_once_it_is_over(
    world: World, fault: Fault, shown: str, told: str
) -> None:
    before = await _counted(world, shown)
    await world.aap.add_faults(fault)
    await world.eventually(lambda: _is_more(world, shown, before), "the poller noticed")
    vm = await world.create()
    away = condition(await vm.until(says("Provisioned", "False", "ProviderUnreachable")), "Provisioned")
    assert away is not None
    assert told in away.message
    assert "<" not in away.message  # no page of anybody's
    await world.aap.clear_faults()
    ready = await vm.until(is_ready)
    assert [job.number for job in ready.status.jobs] == [1]
    assert await vm.launches() == ["provision"]


async def test_a_job_that_runs_meanwhile_is_followed_to_its_end(world: World) -> None:
    await world.aap.add_rules(Rule(name="long-*", seconds=0.5))
    vm = await world.create("long")
    await vm.until(provision_is(JobState.RUNNING))
    await world.aap.add_faults(proxy_error(504, "Gateway Time-out", times=4))
    await vm.until(is_ready)
    assert await vm.launches() == ["provision"]


async def test_a_job_that_breaks_the_lists_of_aap_goes_its_way_and_so_do_all_others(world: World) -> None:
    await world.aap.add_rules(Rule(name="long-*", seconds=1))
    broken, other = await world.create("long"), await world.create("long")
    for vm in (broken, other):
        await vm.until(provision_is(JobState.RUNNING))
    (bad,) = await world.audit(broken.ref, AuditEvent.LAUNCH)
    await world.aap.mark(bad.job, breaks_lists=True)
    await world.eventually(lambda: _is_more(world, UNLISTABLE, 0), "the poller found it")
    for vm in (broken, other):
        await vm.until(is_ready)
        await vm.delete()
    for vm in (broken, other):
        await vm.until_gone()
        assert await vm.launches() == ["provision", "deprovision"]
    assert await _counted(world, AWAY) == 0
    await world.aap.mark(bad.job)  # others use this world too


async def test_a_launch_whose_answer_was_lost_is_found_though_its_job_breaks_lists(world: World) -> None:
    await world.aap.add_rules(Rule(name="lost-*", seconds=1))
    await world.aap.add_faults(Fault(kind=FaultKind.DROP_AFTER, method="POST", path="/launch/$"))
    vm = await world.create("lost")
    await vm.until_launched(1)
    (lost,) = await world.audit(vm.ref, AuditEvent.LAUNCH)
    await world.aap.mark(lost.job, breaks_lists=True)
    ready = await vm.until(is_ready)
    assert [job.job_id for job in ready.status.jobs] == [str(lost.job)]
    assert await vm.launches() == ["provision"]
    await world.aap.mark(lost.job)


async def test_a_token_that_is_rotated_in_its_file_needs_no_restart(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("token-one")
    second.write_text("token-two\n")
    file = tmp_path / "token"
    file.symlink_to(first)
    of_file = {"CLOUDKIT_AAP_TOKEN": "", "CLOUDKIT_AAP_TOKEN_FILE": str(file)}
    wishes = replace(
        plan(tmp_path / "world"),
        aap_arguments=(*SHORT_JOBS, "--token=token-one"),
        environment_of={"aap-poller": of_file},
    )
    async with open_world(wishes) as world:
        before = await world.create()
        await before.until(is_ready)
        await world.aap.rotate_token("token-one", "token-two")
        await world.eventually(lambda: _is_more(world, AWAY, 0), "the poller noticed")
        refused = await world.create()
        await refused.until(says("Provisioned", "False", "Unauthorized"))
        _swap(file, second)
        await refused.until(is_ready)
        assert await refused.launches() == ["provision"]
        said = "".join(process.log.read_text() for process in world.stack.of("aap-poller"))
        assert "token-one" not in said
        assert "token-two" not in said
        await world.finish()


async def _is_more(world: World, metric: str, than: float) -> bool:
    return await _counted(world, metric) > than


async def _counted(world: World, metric: str) -> float:
    (poller,) = world.stack.of("aap-poller")
    return (await world.metrics(poller))[metric]


def _swap(link: Path, target: Path) -> None:
    """Let *link* point to *target*, in one step, as Kubernetes does with a secret that changes."""
    fresh = link.with_name("fresh")
    fresh.symlink_to(target)
    fresh.rename(link)
