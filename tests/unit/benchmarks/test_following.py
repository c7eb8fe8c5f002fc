"""The benchmark of following still runs, and its figures make sense; how good they are is not tested."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SMALL = ("--jobs", "20", "--seconds", "1", "--poll-interval", "1", "--storm", "10", "--limits", "100")


@pytest.fixture(scope="module")
def figures() -> Any:
    """What a run with tiny numbers prints."""
    command = [sys.executable, "-m", "benchmarks.following", *SMALL, "--json"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_both_clients_notice_every_end(figures: Any) -> None:
    (following,) = figures["following"]
    for client in ("aap-poller", "naive"):
        assert following[client]["ended"] > 0
        assert following[client]["not_noticed"] == 0
        assert 0 < following[client]["end_to_known_seconds"]["p50"] < 5


def test_requests_and_costs_are_told_by_client(figures: Any) -> None:
    (following,) = figures["following"]
    assert set(following["naive"]["requests"]) == {"GET /jobs/{id}/"}
    assert set(following["aap-poller"]["requests"]) >= {"GET /jobs/", "GET /workflow_jobs/"}
    assert following["aap-poller"]["peak_memory_mb"] > 10


def test_every_launch_of_a_storm_comes_through_once(figures: Any) -> None:
    (storm,) = figures["storms"]
    assert (storm["limit"], storm["launched"], storm["rules_broken"]) == (100, 10, 0)
    assert storm["requests"]["POST /job_templates/{id}/launch/"] == 10
