"""What ``cloudkit dead-letters`` offers; the work behind it is loaded only when it is asked for."""

import re
from typing import Annotated

import typer

app = typer.Typer(
    help="""See and settle messages that nobody could handle.

    They stand in the stream CLOUDKIT_DEADLETTERS of the NATS that CLOUDKIT_NATS_URL names. Exit code 0: done;
    1: something could not be done; 2: the command line or a setting is wrong.
    """,
    no_args_is_help=True,
)

Numbers = Annotated[
    list[int] | None,
    typer.Argument(min=1, metavar="[N]...", help="Numbers of letters, as `list` shows them."),
]
All = Annotated[bool, typer.Option("--all", help="All letters.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


def _a_service(name: str) -> str:
    if name and not re.fullmatch(r"[a-z0-9-]+", name):
        raise typer.BadParameter("a name such as aap-poller is needed")
    return name


Service = Annotated[str, typer.Option(callback=_a_service, help="Only letters of this service.")]


@app.command("list")
def list_(service: Service = "", json: Json = False) -> None:
    """List the letters: number, age, who gave up on which subject about what instance, and why."""
    from cloudkit.cli.deadletters.run import list_letters, run  # noqa: PLC0415  # NATS is loaded only now

    raise typer.Exit(run(list_letters(service, plainly=json)))


@app.command()
def show(
    number: Annotated[int, typer.Argument(min=1, metavar="N", help="The number of a letter.")],
    json: Json = False,
) -> None:
    """Show a letter: its headers, the traceback of the crash, its body, and what to do with it."""
    from cloudkit.cli.deadletters.run import run, show_letter  # noqa: PLC0415  # NATS is loaded only now

    raise typer.Exit(run(show_letter(number, plainly=json)))


@app.command()
def replay(numbers: Numbers = None, service: Service = "", all_: All = False) -> None:
    """Make good what the loss of letters may have cost, and remove them.

    An event of the job log is delivered once more to the consumer that gave it up, and never appended again.
    Of an intent only its instance counts: the status-writer looks at it, and what is still wanted the watcher
    asks for by itself. So a replay starts no job twice and takes nothing back, however old the letter is, and
    may be repeated.

    When to do it: after the bug is mended, with the service running again.
    """
    from cloudkit.cli.deadletters.run import Choice, replay_letters, run  # noqa: PLC0415  # NATS is loaded only now

    _must_choose(numbers, service, all_=all_)
    raise typer.Exit(run(replay_letters(Choice(tuple(numbers or ()), service))))


@app.command()
def drop(
    numbers: Numbers = None,
    service: Service = "",
    all_: All = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove letters for good, after asking."""
    from cloudkit.cli.deadletters.run import Choice, drop_letters  # noqa: PLC0415  # NATS is loaded only now

    _must_choose(numbers, service, all_=all_)
    raise typer.Exit(drop_letters(Choice(tuple(numbers or ()), service), sure=yes))


def _must_choose(numbers: list[int] | None, service: str, *, all_: bool) -> None:
    if bool(numbers) + bool(service) + all_ != 1:
        raise typer.BadParameter("say which letters: their numbers, or --service, or --all")
