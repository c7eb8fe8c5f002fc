"""What ``cloudkit`` answers, with and without the sandbox."""

import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from cloudkit.cli.__main__ import app

run = CliRunner().invoke


def test_help_names_the_commands() -> None:
    answer = run(app, ["--help"])
    assert answer.exit_code == 0
    assert "demo" in answer.output
    assert "dev" in answer.output


def test_without_a_command_it_helps() -> None:
    assert "Usage" in run(app, []).output


def test_it_knows_its_version() -> None:
    answer = run(app, ["--version"])
    assert answer.output == f"cloudkit {version('cloudkit-provisioner')}\n"
    assert answer.exit_code == 0


@pytest.mark.parametrize("command", ["demo", "dev"])
def test_without_the_sandbox_it_says_what_to_install(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)  # as if it were not installed
    answer = run(app, [command])
    assert answer.exit_code == 2
    assert "trustme is not installed" in answer.output
    assert "pip install 'cloudkit-provisioner[sandbox]'" in answer.output


def test_a_kubeconfig_that_is_not_there_is_refused() -> None:
    answer = run(app, ["dev", "--kubeconfig", "/nowhere"])
    assert answer.exit_code == 2
    assert "does not exist" in answer.output
