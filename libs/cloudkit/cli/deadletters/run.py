"""What each command does, and what it says to a person.

::

    0   all of it was done, or had been done before
    1   something could not be done; it is said what, and what to do
    2   the command line or a setting is wrong
"""

import json
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
import typer
from rich.console import Console

from cloudkit.cli.deadletters.office import Office, open_office
from cloudkit.cli.deadletters.showing import as_json, page, printable, table
from cloudkit.cli.interruptible import run_until_told
from cloudkit.contracts.errors import Misconfigured, ProvisionerError
from cloudkit.runtime.deadletters import Letter
from cloudkit.runtime.settings import NatsSettings, read_settings

DONE, FAILED, MISUSED = 0, 1, 2
WIDTH_OF_A_PIPE = 250

Work = Callable[[Office], Awaitable[int]]


@dataclass(frozen=True)
class Choice:
    """Which letters: those with ``numbers``; or else those of ``service``, or all."""

    numbers: tuple[int, ...] = ()
    service: str = ""


def run(work: Work) -> int:
    """Do *work* with the letters of the NATS that the environment names. The exit code."""
    try:
        settings = read_settings(NatsSettings, os.environ)
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        return run_until_told(_at_the_office(settings, work))
    except Misconfigured as error:
        complain(error.message)
        return MISUSED
    except ProvisionerError as error:
        complain(error.message)
        return FAILED


def list_letters(service: str, *, plainly: bool) -> Work:
    async def work(office: Office) -> int:
        letters = await office.letters(service)
        ages = [office.age(letter) for letter in letters]
        if plainly:
            found = [as_json(letter, age) for letter, age in zip(letters, ages, strict=True)]
            typer.echo(json.dumps(found, indent=2))
        elif letters:
            console = Console(highlight=False)
            console.print(table(letters, ages), width=None if console.is_terminal else WIDTH_OF_A_PIPE)
        else:
            typer.echo("There are no dead letters.")
        return DONE

    return work


def show_letter(number: int, *, plainly: bool) -> Work:
    async def work(office: Office) -> int:
        letter = await office.letter(number)
        if letter is None:
            complain(_not_there(number))
            return FAILED
        age = office.age(letter)
        typer.echo(json.dumps(as_json(letter, age), indent=2) if plainly else page(letter, age))
        return DONE

    return work


def replay_letters(choice: Choice) -> Work:
    async def work(office: Office) -> int:
        outcomes = [await _replayed(office, letter) for letter in await _chosen(office, choice)]
        return max(outcomes, default=DONE)

    return work


def drop_letters(choice: Choice, *, sure: bool) -> int:
    """In between, a person may think about it for long: no connection is open meanwhile."""
    letters: list[Letter] = []

    async def look(office: Office) -> int:
        letters.extend(await _chosen(office, choice))
        return DONE

    async def drop(office: Office) -> int:
        for letter in letters:
            await office.drop(letter.number)
            typer.echo(f"letter {letter.number}: dropped")
        return DONE

    if (code := run(look)) != DONE or not letters:
        return code
    if not sure and not typer.confirm(_question(letters)):
        typer.echo("Nothing was dropped.")
        return FAILED
    return run(drop)


def complain(text: str) -> None:
    typer.echo(printable(text), err=True)


async def _at_the_office(settings: NatsSettings, work: Work) -> int:
    async with open_office(settings) as office:
        return await work(office)


async def _chosen(office: Office, choice: Choice) -> Sequence[Letter]:
    """Oldest first. One that is not there was dealt with before, and is only told of."""
    if not choice.numbers:
        letters = await office.letters(choice.service)
        if not letters:
            typer.echo("There are no dead letters.")
        return letters
    found = {number: await office.letter(number) for number in sorted(set(choice.numbers))}
    for number, letter in found.items():
        if letter is None:
            typer.echo(_not_there(number))
    return [letter for letter in found.values() if letter is not None]


async def _replayed(office: Office, letter: Letter) -> int:
    """What goes wrong with one letter must not keep the others."""
    try:
        done = await office.replay(letter)
    except ProvisionerError as error:
        complain(f"letter {letter.number}: not replayed: {error.message}")
        return FAILED
    typer.echo(printable(f"letter {letter.number}: {done}"))
    return DONE


def _not_there(number: int) -> str:
    return f"letter {number}: not there: replayed or dropped before, older than 30 days, or never written"


def _question(letters: Sequence[Letter]) -> str:
    numbers = ", ".join(str(letter.number) for letter in letters[:20])
    more = f" and {len(letters) - 20} more" if len(letters) > 20 else ""
    return f"Drop {numbers}{more}, for good?"
