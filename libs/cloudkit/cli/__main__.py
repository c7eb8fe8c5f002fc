"""What the ``cloudkit`` command offers; the work behind each command is loaded only when it is asked for.

The sandbox that `dev` and `demo` run is an extra of the distribution. A production image has none of
it; there ``cloudkit`` still starts, and says what is missing.
"""

from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cloudkit.cli.deadletters import commands as dead_letters
from cloudkit.contracts.jobs import Provider

DISTRIBUTION = "cloudkit-provisioner"
OF_THE_SANDBOX = ("jsonpatch", "jsonschema_rs", "psutil", "trustme", "yaml")
"""Modules that come with the extra and that the commands need."""

app = typer.Typer(
    help="Turn ComputeInstances in Kubernetes into virtual machines, by running Ansible jobs safely.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(dead_letters.app, name="dead-letters")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cloudkit {version_of(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def cloudkit(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Nothing by itself: the commands follow."""


@app.command()
def demo(
    provider: Annotated[Provider, typer.Option(help="Who runs the jobs.")] = Provider.AAP,
    job_seconds: Annotated[float, typer.Option(min=0.1, help="How long a pretended Ansible job runs.")] = 3,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the logs also when all went well.")] = False,
) -> None:
    """Show three virtual machines come and go, on this machine alone, in under a minute.

    One becomes ready, one is deleted while it is being made, one fails. Exit code 0: all went as it should.
    """
    _need_the_sandbox()
    from cloudkit.cli.demo.run import run  # noqa: PLC0415  # only now is it known that the sandbox is there

    raise typer.Exit(run(provider, job_seconds=job_seconds, keep=keep))


@app.command()
def dev(
    provider: Annotated[
        list[Provider] | None,
        typer.Option(
            help="Who runs the jobs. Given twice: both, the first for instances that do not say.",
            show_default=Provider.AAP,
        ),
    ] = None,
    directory: Annotated[
        Path, typer.Option(help="For the kubeconfig, the logs and the data of this run.")
    ] = Path("sandbox-data"),
    kubeconfig: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Use this real cluster in place of the stand-in."),
    ] = None,
    install_crd: Annotated[
        bool, typer.Option("--install-crd", help="Install the CRD in that cluster without asking.")
    ] = False,
    job_seconds: Annotated[float, typer.Option(min=0.1, help="How long a pretended Ansible job runs.")] = 10,
) -> None:
    """Run everything on this machine, for use with kubectl, until Ctrl-C.

    Kubernetes, AAP and EDA are stand-ins, NATS and the services are real. Settings of the services can be
    given as usual: CLOUDKIT_MAX_ATTEMPTS=2 cloudkit dev.
    """
    _need_the_sandbox()
    from cloudkit.cli.dev.run import Wishes, run  # noqa: PLC0415  # only now is it known that the sandbox is there

    wishes = Wishes(
        directory=directory,
        providers=tuple(provider or [Provider.AAP]),
        kubeconfig=kubeconfig,
        install_crd=install_crd,
        job_seconds=job_seconds,
    )
    raise typer.Exit(run(wishes))


def _need_the_sandbox() -> None:
    """Without it, end with a word of advice."""
    if missing := [name for name in OF_THE_SANDBOX if find_spec(name) is None]:
        typer.echo(
            f"This needs the sandbox, and {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not "
            f"installed.\nInstall the extra: pip install '{DISTRIBUTION}[sandbox]'",
            err=True,
        )
        raise typer.Exit(code=2)


def main() -> None:
    """The console script."""
    app(prog_name="cloudkit")


if __name__ == "__main__":
    main()
