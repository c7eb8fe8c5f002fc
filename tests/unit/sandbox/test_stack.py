"""A stack is what its plan says, and nothing of it is left when it ends."""

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

from cloudkit.contracts.jobs import Provider
from sandbox.aap.control import Control
from sandbox.instances import open_instances
from sandbox.nats import NatsServer
from sandbox.process import Command
from sandbox.stack import AapAccess, EdaAccess, Plan, Stack, service_commands, services_for, start_stack
from sandbox.supervisor import Supervisor


def stack_of(plan: Plan) -> Stack:
    """A stack of which nothing runs."""
    return Stack(
        plan=plan,
        supervisor=Supervisor(plan.directory),
        nats=NatsServer(plan.directory, 4222),
        kubeconfig=plan.directory / "kubeconfig",
        aap=AapAccess(url="http://aap/api/controller", token="secret", control="http://aap/sandbox"),
    )


def commands(plan: Plan) -> dict[str, Command]:
    return {command.name: command for command in service_commands(stack_of(plan))}


def test_each_service_runs_once_unless_the_plan_says_otherwise(tmp_path: Path) -> None:
    plan = Plan(directory=tmp_path, replicas={"aap-poller": 3, "watcher": 0})
    assert list(commands(plan)) == ["aap-poller", "aap-poller-2", "aap-poller-3", "status-writer"]


def test_every_replica_tells_that_it_is_ready_in_a_file_of_its_own(tmp_path: Path) -> None:
    files = [each.ready_file for each in commands(Plan(directory=tmp_path, replicas={"watcher": 2})).values()]
    assert len(set(files)) == len(files) == 4


def test_services_learn_where_everything_is(tmp_path: Path) -> None:
    environment = commands(Plan(directory=tmp_path))["aap-poller"].environment
    assert environment is not None
    assert environment["CLOUDKIT_NATS_URL"] == "nats://127.0.0.1:4222"
    assert environment["CLOUDKIT_AAP_URL"] == "http://aap/api/controller"
    assert environment["CLOUDKIT_AAP_TOKEN"] == "secret"
    assert environment["KUBECONFIG"] == str(tmp_path / "kubeconfig")
    assert "127.0.0.1" in environment["NO_PROXY"].split(",")


def test_services_learn_of_every_node_of_a_cluster_and_replicate_to_all(tmp_path: Path) -> None:
    alone = stack_of(Plan(directory=tmp_path))
    peers = tuple(NatsServer(tmp_path, port) for port in (4223, 4224))
    first, *_ = service_commands(replace(alone, nats_peers=peers))
    assert first.environment is not None
    assert first.environment["CLOUDKIT_NATS_URL"] == (
        "nats://127.0.0.1:4222,nats://127.0.0.1:4223,nats://127.0.0.1:4224"
    )
    assert first.environment["CLOUDKIT_NATS_REPLICAS"] == "3"


def test_a_setting_of_one_service_wins_over_one_of_all_and_both_over_ours(tmp_path: Path) -> None:
    plan = Plan(
        directory=tmp_path,
        environment={"CLOUDKIT_LOG_LEVEL": "debug", "CLOUDKIT_HTTP_PORT": "0"},
        environment_of={"watcher": {"CLOUDKIT_LOG_LEVEL": "error"}},
    )
    levels = {name: (each.environment or {})["CLOUDKIT_LOG_LEVEL"] for name, each in commands(plan).items()}
    ports = {(each.environment or {})["CLOUDKIT_HTTP_PORT"] for each in commands(plan).values()}
    assert levels == {"watcher": "error", "aap-poller": "debug", "status-writer": "debug"}
    assert ports == {"0"}


def test_settings_of_the_shell_do_not_leak_into_a_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDKIT_COMPUTE_INSTANCE_NAMESPACE", "somewhere-else")
    for command in commands(Plan(directory=tmp_path)).values():
        assert "CLOUDKIT_COMPUTE_INSTANCE_NAMESPACE" not in (command.environment or {})


def test_a_stack_of_eda_runs_its_service_and_tells_where_its_webhooks_go(tmp_path: Path) -> None:
    plan = Plan(directory=tmp_path, provider=Provider.EDA, services=services_for(Provider.EDA))
    eda = EdaAccess(url="http://eda", token="secret", control="http://eda/sandbox")
    commands = {one.name: one for one in service_commands(replace(stack_of(plan), eda=eda))}
    assert list(commands) == ["watcher", "eda-dispatcher", "status-writer"]
    environment = commands["eda-dispatcher"].environment or {}
    assert environment["CLOUDKIT_PROVISIONING_PROVIDER"] == environment["CLOUDKIT_PROVIDERS"] == "eda"
    assert environment["CLOUDKIT_COMPUTE_INSTANCE_PROVISION_WEBHOOK"] == "http://eda/create-compute-instance"
    assert environment["CLOUDKIT_EDA_TOKEN"] == "secret"


def test_in_a_stack_of_both_providers_everybody_knows_of_both(tmp_path: Path) -> None:
    plan = Plan(directory=tmp_path, services=services_for(*Provider))
    for command in commands(plan).values():
        environment = command.environment or {}
        assert environment["CLOUDKIT_PROVISIONING_PROVIDER"] == "aap"
        assert environment["CLOUDKIT_PROVIDERS"] == "aap,eda"


async def test_two_stacks_live_side_by_side_and_leave_nothing_behind(tmp_path: Path) -> None:
    plans = [Plan(directory=tmp_path / name, services=()) for name in ("one", "other")]
    async with start_stack(plans[0]) as one, start_stack(plans[1]) as other:
        async with open_instances(one.kubeconfig) as here, open_instances(other.kubeconfig) as there:
            await here.create("vm", vcpu=1)
            assert [each.metadata.name for each in await here.all()] == ["vm"]
            assert await there.all() == ()
        pids = {**one.pids(), **{f"other {name}": pid for name, pid in other.pids().items()}}
        assert len(set(pids.values())) == 6
    assert not [name for name, pid in pids.items() if psutil.pid_exists(pid)]


async def test_a_stand_in_that_is_started_again_keeps_its_address(tmp_path: Path) -> None:
    async with start_stack(Plan(directory=tmp_path, services=())) as stack:
        await asyncio.gather(stack.process("aap").restart(), stack.process("kube").restart())
        async with Control(stack.aap.control) as aap, open_instances(stack.kubeconfig) as instances:
            assert await aap.machines() == []
            assert await instances.all() == ()
        async with httpx.AsyncClient(trust_env=False) as http:
            headers = {"Authorization": f"Bearer {stack.aap.token}"}
            assert (await http.get(f"{stack.aap.url}/v2/me/", headers=headers)).status_code == 200
