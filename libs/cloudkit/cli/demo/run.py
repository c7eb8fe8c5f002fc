"""Starts the system in a directory of its own, tells the stories, and sums up."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
from rich.console import Console
from rich.text import Text

from cloudkit.cli.demo.screen import Screen
from cloudkit.cli.demo.stories import STORIES, Story
from cloudkit.cli.demo.verdict import Finding, examine
from cloudkit.cli.demo.world import TooLate, World
from cloudkit.cli.interruptible import run_until_told
from cloudkit.contracts.jobs import Provider
from sandbox.aap.control import Control
from sandbox.instances import open_instances
from sandbox.process import DidNotStart
from sandbox.stack import Plan, Stack, services_for, start_stack

STAND_INS = {Provider.AAP: "Kubernetes and AAP", Provider.EDA: "Kubernetes, AAP and EDA"}
EVIDENCE_WITHIN = 5.0
"""Seconds after its end in which a playbook of EDA that did its work has surely shown so."""


class Broken(Exception):
    """Raised when the demo cannot go on; the text says why."""


def run(provider: Provider, *, job_seconds: float, keep: bool) -> int:
    """Run the demo and return its exit code: 0, or 1 if anything was not as it should be."""
    return run_until_told(_demo(Console(highlight=False), provider, job_seconds, keep))


async def _demo(console: Console, provider: Provider, job_seconds: float, keep: bool) -> int:
    directory = Path(tempfile.mkdtemp(prefix="cloudkit-demo-"))
    plan = _plan(directory, provider, job_seconds)
    good = False
    try:
        good = await _play(console, plan)
    except (DidNotStart, Broken, httpx.HTTPError) as error:
        console.print(f"\nThe demo broke off: {error}", style="red", markup=False, soft_wrap=True)
    finally:
        if good and not keep:
            shutil.rmtree(directory)
        else:
            console.print(f"The logs are in {directory}", soft_wrap=True)
    return 0 if good else 1


def _plan(directory: Path, provider: Provider, job_seconds: float) -> Plan:
    hasty = {
        "CLOUDKIT_MINIMUM_REQUEST_INTERVAL": "1s",
        "CLOUDKIT_EDA_JOB_TIMEOUT": f"{job_seconds + EVIDENCE_WITHIN:g}s",
    }
    return Plan(
        directory=directory,
        provider=provider,
        services=services_for(provider),
        environment=hasty if provider is Provider.EDA else {},
        aap_arguments=("--job-seconds", str(job_seconds)),
    )


async def _play(console: Console, plan: Plan) -> bool:
    """Whether everything was as it should be."""
    began = time.monotonic()
    console.print(f"Starting nats-server, stand-ins for {STAND_INS[plan.provider]}, and the services ...")
    async with start_stack(plan) as stack, open_instances(stack.kubeconfig) as instances:
        console.print(f"All of it runs after {time.monotonic() - began:.1f} s.\n")
        findings = await _tell_stories(console, World(instances), stack)
        async with Control(stack.aap.control) as aap:
            findings += await examine(aap)
    return _sum_up(console, findings, time.monotonic() - began)


async def _tell_stories(console: Console, world: World, stack: Stack) -> list[Finding]:
    """Tell all stories side by side, and return what was to be seen in each. Raises `Broken`."""
    stories = STORIES[stack.plan.provider]
    screen = Screen(console, stories)
    telling = asyncio.create_task(_tell_all(stories, world))
    never_ending: list[asyncio.Task[None]] = [
        asyncio.create_task(world.keep_looking(screen.show)),
        asyncio.create_task(_until_one_dies(stack)),
    ]
    try:
        with screen.on():
            await asyncio.wait({telling, *never_ending}, return_when=asyncio.FIRST_COMPLETED)
        for task in never_ending:
            if task.done():
                await task  # it ends by raising, or not at all
        return await telling
    finally:
        for every in (telling, *never_ending):
            every.cancel()


async def _tell_all(stories: Sequence[Story], world: World) -> list[Finding]:
    return await asyncio.gather(*(_tell(story, world) for story in stories))


async def _tell(story: Story, world: World) -> Finding:
    try:
        return Finding(True, await story.tell(world, story.name))
    except TooLate as error:
        return Finding(False, str(error))


async def _until_one_dies(stack: Stack) -> None:
    while True:
        for process in stack.supervisor.processes.values():
            if not process.running:
                raise Broken(f"{process.name} ended with exit code {process.exit_code}.\n{process.tail()}")
        await asyncio.sleep(0.2)


def _sum_up(console: Console, findings: list[Finding], seconds: float) -> bool:
    good = all(finding.good for finding in findings)
    verdict = "All went as it should" if good else "Something went wrong"
    console.print(f"\n{verdict}, in {seconds:.0f} s:", style="bold green" if good else "bold red")
    for finding in findings:
        mark, style = ("ok ", "green") if finding.good else ("BAD", "red")
        console.print(Text.assemble("  ", (mark, style), f" {finding.text}"), soft_wrap=True)
    return good
