"""What a service answers on its command line: ``--help`` and ``--version``; the rest is environment."""

import argparse
import inspect
import sys
import textwrap
from collections.abc import Sequence
from importlib.metadata import version as version_of

from cloudkit.runtime.settings import CommonSettings, Row, describe

DISTRIBUTION = "cloudkit-provisioner"
WIDTH = 100


def version() -> str:
    """The version of the distribution that this process runs from."""
    return version_of(DISTRIBUTION)


def read_command_line(name: str, settings: type[CommonSettings], arguments: Sequence[str]) -> None:
    """Answer ``--help`` and ``--version`` and exit; exit with 2 for anything else that is there."""
    parser = argparse.ArgumentParser(
        prog=f"cloudkit-{name}",
        description=_what_it_hears_and_says(settings),
        epilog=_settings_table(describe(settings)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cloudkit-{name} {version()}")
    parser.parse_args(arguments)


def _what_it_hears_and_says(settings: type[CommonSettings]) -> str:
    """The docstring of the service's package, which is where its settings are declared."""
    package = sys.modules[settings.__module__.partition(".")[0]]
    return inspect.getdoc(package) or ""


def _settings_table(rows: Sequence[Row]) -> str:
    return "environment:\n" + "\n".join(_entry(row) for row in rows)


def _entry(row: Row) -> str:
    default = "required" if row.required else f"default {row.default}" if row.default else "not set"
    meaning = textwrap.fill(row.meaning, WIDTH, initial_indent="      ", subsequent_indent="      ")
    return f"  {row.variable}  ({row.kind}, {default})\n{meaning}"
