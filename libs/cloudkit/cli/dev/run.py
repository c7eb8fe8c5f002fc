"""Runs the system in a directory that stays the same, until it is told to stop."""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cloudkit.cli.dev.advice import EXAMPLE, advice
from cloudkit.cli.dev.cluster import NotPrepared, prepare_cluster
from cloudkit.cli.dev.directory import InUse, alone_in
from cloudkit.cli.interruptible import run_until_told
from cloudkit.contracts.jobs import Provider
from sandbox.forwarding import forward
from sandbox.process import DidNotStart
from sandbox.stack import Plan, services_for, start_stack

FOR_PEOPLE = {"CLOUDKIT_LOG_FORMAT": "console", "CLOUDKIT_MINIMUM_REQUEST_INTERVAL": "5s"}
"""What suits somebody who watches, and does not want to wait."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the person at the command line wants. ``kubeconfig`` names a real cluster, if any; the first of
    the ``providers`` runs the jobs of instances that do not say."""

    directory: Path
    providers: tuple[Provider, ...] = (Provider.AAP,)
    kubeconfig: Path | None
    install_crd: bool
    job_seconds: float


def run(wishes: Wishes) -> int:
    """Run until told to stop, and return the exit code: 0, or 1 if it could not start."""
    console = Console(highlight=False)
    try:
        if wishes.kubeconfig is not None:
            prepare_cluster(wishes.kubeconfig, install=wishes.install_crd)
        with alone_in(wishes.directory):
            return run_until_told(_dev(console, wishes), when_told=0)
    except (DidNotStart, InUse, NotPrepared) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1


async def _dev(console: Console, wishes: Wishes) -> int:
    began = time.monotonic()

    def say(sentence: str) -> None:
        console.print(f"cloudkit dev: {sentence}", style="bold", markup=False, soft_wrap=True)

    try:
        async with start_stack(_plan(wishes), say=say) as stack:
            (wishes.directory / EXAMPLE.name).write_text(EXAMPLE.text)
            say(f"all of it runs after {time.monotonic() - began:.1f} s")
            console.print(advice(stack, wishes.directory), markup=False, soft_wrap=True)
            await forward(stack.supervisor.processes.values, _write, colour=console.is_terminal)
    finally:
        say("stopped")
    return 0


def _plan(wishes: Wishes) -> Plan:
    settings = {name: value for name, value in os.environ.items() if name.startswith("CLOUDKIT_")}
    return Plan(
        directory=wishes.directory.resolve(),
        provider=wishes.providers[0],
        services=services_for(*wishes.providers),
        environment={**FOR_PEOPLE, **settings},
        aap_arguments=("--job-seconds", str(wishes.job_seconds)),
        kubeconfig=wishes.kubeconfig.resolve() if wishes.kubeconfig else None,
        keep_alive=True,
    )


def _write(line: str) -> None:
    """As it is: the line brings its own colours."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
