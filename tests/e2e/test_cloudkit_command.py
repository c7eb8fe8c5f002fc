"""The ``cloudkit`` command as a person runs it: in a process of its own, with the whole system below it."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cloudkit.contracts.instance import PROVIDER_ANNOTATION, Phase
from cloudkit.contracts.jobs import Provider
from sandbox.instances import Instances, open_instances
from sandbox.process import Command, Process

Start = Callable[..., Process]


@pytest.fixture
def cloudkit(tmp_path: Path) -> Iterator[Start]:
    """Starts ``cloudkit`` with arguments; temporary files of it go to the test's own folder."""
    started: list[Process] = []

    def start(*arguments: str) -> Process:
        command = Command(
            name="cloudkit",
            arguments=(sys.executable, "-m", "cloudkit.cli", *arguments),
            environment={**os.environ, "TMPDIR": str(tmp_path)},
        )
        started.append(Process(command, tmp_path / "cloudkit.log"))
        started[-1].start()
        return started[-1]

    yield start
    for process in started:
        process.send(signal.SIGKILL)


async def eventually(true: Callable[[], Awaitable[bool]], process: Process, within: float = 30) -> None:
    """Wait until *true* is, while *process* runs."""
    give_up = time.monotonic() + within
    while not await true():
        assert process.running, process.tail()
        assert time.monotonic() < give_up, process.tail()
        await asyncio.sleep(0.05)


def log_has(process: Process, text: str) -> Callable[[], Awaitable[bool]]:
    async def has() -> bool:
        return text in process.log.read_text()

    return has


@pytest.mark.parametrize("provider", Provider)
async def test_the_demo_succeeds_without_a_terminal_and_leaves_nothing_behind(
    cloudkit: Start, tmp_path: Path, provider: Provider
) -> None:
    demo = cloudkit("demo", "--provider", provider, "--job-seconds", "1")
    assert await demo.ended(within=60), demo.tail()
    told = demo.log.read_text()
    assert demo.exit_code == 0, told
    assert "All went as it should" in told
    assert "no job was launched twice" in told
    assert "BAD" not in told
    assert "\x1b" not in told
    assert children_of(tmp_path) == ["cloudkit.log"]


async def test_a_demo_that_is_stopped_ends_what_it_started(cloudkit: Start) -> None:
    demo = cloudkit("demo")
    await eventually(log_has(demo, "All of it runs"), demo)
    children = psutil.Process(demo.pid).children(recursive=True)
    demo.send(signal.SIGINT)
    assert await demo.ended(within=20), demo.tail()
    assert demo.exit_code == 128 + signal.SIGINT
    assert len(children) >= 6
    assert not [child for child in children if child.is_running()]


async def test_dev_with_both_providers_asks_the_first_unless_an_instance_says_otherwise(
    cloudkit: Start, tmp_path: Path
) -> None:
    providers = ("--provider", "eda", "--provider", "aap")
    dev = cloudkit("dev", *providers, "--directory", str(tmp_path / "data"), "--job-seconds", "0.5")
    await eventually(log_has(dev, "Ctrl-C stops all of it"), dev)
    async with open_instances(tmp_path / "data" / "kubeconfig") as instances:
        await instances.create("web", vcpu=1)
        await instances.create("other", annotations={PROVIDER_ANNOTATION: "aap"}, vcpu=1)
        for name, provider in (("web", Provider.EDA), ("other", Provider.AAP)):
            await eventually(is_ready(instances, name), dev)
            ready = await instances.get(name)
            assert ready is not None
            assert [job.provider for job in ready.status.jobs] == [provider]
    dev.send(signal.SIGINT)
    assert await dev.ended(within=20), dev.tail()


async def test_dev_serves_a_kubeconfig_revives_services_and_ends_well_when_told(
    cloudkit: Start, tmp_path: Path
) -> None:
    directory = tmp_path / "data"
    dev = cloudkit("dev", "--directory", str(directory), "--job-seconds", "0.5")
    await eventually(log_has(dev, "Ctrl-C stops all of it"), dev)
    children = psutil.Process(dev.pid).children(recursive=True)
    async with open_instances(directory / "kubeconfig") as instances:
        os.kill(json.loads((directory / "watcher.ready").read_text())["pid"], signal.SIGKILL)
        await eventually(log_has(dev, "watcher ended with exit code -9; starting it again"), dev)
        await instances.create("web", vcpu=1)
        await eventually(is_ready(instances, "web"), dev)
    assert "status-writer  | " in dev.log.read_text()
    children += psutil.Process(dev.pid).children(recursive=True)
    dev.send(signal.SIGTERM)
    assert await dev.ended(within=20), dev.tail()
    assert dev.exit_code == 0
    assert not [child for child in children if child.is_running()]


def children_of(directory: Path) -> list[str]:
    return [child.name for child in directory.iterdir()]


def is_ready(instances: Instances, name: str) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        one = await instances.get(name)
        return one is not None and one.status.phase is Phase.READY

    return is_so
