"""The benchmark of the status-writer still runs, and its figures make sense; not how good they are."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks.lives import STATES, story
from benchmarks.observing import Requests, Sightings
from benchmarks.status_report import tables
from cloudkit.contracts.events import JobEventName
from cloudkit.contracts.instance import API_VERSION, KIND, ComputeInstance, InstanceRef, read_instance
from cloudkit.contracts.jobs import JobType
from cloudkit.lifecycle.policy import Policy
from cloudkit.lifecycle.project import project, status_patch

ROOT = Path(__file__).parents[3]
SMALL = ("--instances", "5", "--rows", "fast", "--system", "3", "--workloads", "burst")
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
VM = InstanceRef("default", "vm", "uid-1")


@pytest.fixture(scope="module")
def figures() -> Any:
    """What a run with tiny numbers prints."""
    command = [sys.executable, "-m", "benchmarks.status", *SMALL, "--json"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_every_event_shows_on_its_instance_whoever_writes(figures: Any) -> None:
    ours, naive = figures["status"]
    assert (ours["writer"], naive["writer"]) == ("status-writer", "naive")
    for found in (ours, naive):
        assert found["events"] == 5 * 2 * 5
        assert found["not_seen"] == 0


def test_the_naive_client_writes_each_event_and_ours_merges_some(figures: Any) -> None:
    ours, naive = figures["status"]
    assert naive["writes_per_life"] >= 12  # ten events, adopted, released
    assert ours["writes_per_life"] < naive["writes_per_life"]


def test_kubernetes_and_the_status_writer_count_the_same_writes(figures: Any) -> None:
    for found in (figures["status"][0], *figures["system"]):
        written = sum(count for what, count in found["status_writes_total"].items() if "written" in what)
        assert found["writes_per_life"] == pytest.approx(written / found["instances"], abs=0.01)


def test_figures_become_tables(figures: Any) -> None:
    lines = tables(figures).splitlines()
    assert [line.split()[-1] for line in lines if "conflicts" in line] == ["MB", "conflicts"]
    assert sum("as fast as possible" in line for line in lines) == 2


@pytest.mark.parametrize("type", JobType)
def test_a_story_claims_launches_and_tells_each_state_with_its_own_revision(type: JobType) -> None:
    events = story(VM, type, "v1", NOW)
    assert [event.event for event in events] == [
        JobEventName.CLAIMED,
        JobEventName.LAUNCHED,
        *(JobEventName(state.lower()) for state in STATES),
    ]
    assert [event.job.revision for event in events] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("type", JobType)
def test_what_a_story_tells_of_its_job_is_news_to_people_each_time(type: JobType) -> None:
    told = [(event.job.state, event.job.message) for event in story(VM, type, "v1", NOW)[1:]]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("type", JobType)
def test_every_event_of_a_story_but_the_claim_changes_the_status(type: JobType) -> None:
    instance = _instance()
    for event in story(VM, type, "v1", NOW)[1:]:
        status = project(instance, [event], NOW, Policy())
        assert status_patch(instance.status, status)
        instance = _instance(status)


def test_an_event_is_seen_once_its_revision_or_a_later_one_shows() -> None:
    sightings = Sightings()
    claimed, launched, pending, waiting, *_ = story(VM, JobType.PROVISION, "v1", NOW)
    for event in (claimed, launched, pending, waiting):
        sightings.say(event)
    sightings.see("MODIFIED", _instance(project(_instance(), [pending], NOW, Policy())))
    assert (len(sightings.delays), sightings.unseen) == (2, 1)


def test_only_what_was_carried_out_is_a_write_and_what_came_too_late_a_conflict() -> None:
    requests = Requests(
        {
            "GET computeinstances 200": 7,
            "PATCH computeinstances 200": 2,
            "PATCH computeinstances 422": 1,
            "PATCH computeinstances/status 200": 4,
            "PUT computeinstances/status 409": 3,
            "PATCH computeinstances/status 404": 5,
            "POST events 201": 9,
        }
    )
    assert (requests.writes, requests.status_writes, requests.conflicts, requests.reads) == (6, 4, 4, 7)


def _instance(status: Any = None) -> ComputeInstance:
    metadata = {"namespace": VM.namespace, "name": VM.name, "uid": VM.uid, "creationTimestamp": NOW}
    resource = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "status": status or {}}
    return read_instance(msgspec.json.encode(resource))
