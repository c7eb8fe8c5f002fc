"""The directory of ``cloudkit dev``, and a real cluster in place of the stand-in."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloudkit.cli.__main__ import app
from cloudkit.cli.dev.cluster import NotPrepared, prepare_cluster
from cloudkit.cli.dev.directory import InUse, alone_in
from cloudkit.cli.dev.run import Wishes, run
from sandbox.kube.crds import crd_path
from sandbox.process import Command
from sandbox.supervisor import Supervisor


def test_what_an_earlier_run_left_is_gone_but_not_its_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "nats" / "store").mkdir(parents=True)
    for name in ("watcher.log", "kube.ready", "kubeconfig", "server.pem"):
        (tmp_path / name).touch()
    with alone_in(tmp_path):
        assert {each.name for each in tmp_path.iterdir()} == {"kubeconfig", "server.pem", "lock"}


def test_a_second_run_in_the_same_directory_is_refused_and_touches_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with alone_in(tmp_path):
        (tmp_path / "watcher.log").touch()
        with pytest.raises(InUse, match="Another `cloudkit dev` runs"), alone_in(tmp_path):
            pass
        assert run(Wishes(directory=tmp_path, kubeconfig=None, install_crd=False, job_seconds=1)) == 1
        assert (tmp_path / "watcher.log").exists()
    assert "Another `cloudkit dev` runs" in capsys.readouterr().out


def test_a_directory_is_free_again_after_a_run(tmp_path: Path) -> None:
    for _ in range(2):
        with alone_in(tmp_path):
            pass


@pytest.fixture
async def bare_cluster(tmp_path: Path) -> AsyncIterator[Path]:
    """The kubeconfig of a cluster without any CRD."""
    none, ready = tmp_path / "none.yaml", tmp_path / "ready"
    none.touch()
    arguments = ("--ready-file", str(ready), "--directory", str(tmp_path), "--crd", str(none))
    supervisor = Supervisor(tmp_path / "logs")
    server = (sys.executable, "-m", "sandbox.kube", *arguments)
    (said,) = await supervisor.start(Command(name="kube", arguments=server, ready_file=ready))
    yield Path(said["kubeconfig"])
    await supervisor.stop()


async def test_a_cluster_without_the_crd_gets_it_if_that_is_wanted(bare_cluster: Path) -> None:
    await asyncio.to_thread(prepare_cluster, bare_cluster, install=True)
    await asyncio.to_thread(prepare_cluster, bare_cluster, install=False)  # it has it, and nobody is asked


async def test_a_cluster_without_the_crd_is_left_alone_if_that_is_not_wanted(
    bare_cluster: Path, tmp_path: Path
) -> None:
    command = ["dev", "--kubeconfig", str(bare_cluster), "--directory", str(tmp_path / "run")]
    for _ in range(2):
        answer = await asyncio.to_thread(CliRunner().invoke, app, command, input="n\n")
        assert answer.exit_code == 1
        assert "Install it? [y/N]: n" in answer.output
        assert f"kubectl apply -f {crd_path()}" in answer.output


def test_a_cluster_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(AWAY)
    with pytest.raises(NotPrepared, match=r"cannot be used: Cannot connect to host 127\.0\.0\.1:1"):
        prepare_cluster(kubeconfig, install=True)


AWAY = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""
