"""How one phase becomes another: what the diagram draws is what happens, and nothing else does."""

from collections.abc import Iterator
from itertools import pairwise

import msgspec
import pytest
from msgspec.structs import replace

from cloudkit.contracts.instance import RESTART_FIELD, RETRY_ANNOTATION, ComputeInstance, Phase
from cloudkit.contracts.intents import Deprovision, Provision
from cloudkit.contracts.jobs import JobRecord, JobState
from cloudkit.lifecycle.decide import decide
from unit.lifecycle.everything import BOTH_RUN, some
from unit.lifecycle.specimens import LONG_AGO, NOW, A, B, deprovision, provision, reported
from unit.lifecycle.states import STATES, TRANSITIONS

ENDS = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED)


def phase_of(state: str) -> Phase | None:
    return STATES[state][0].status.phase


DRAWN = {(phase_of(before), phase_of(after)) for before, _, after in TRANSITIONS}


@pytest.mark.parametrize(
    ("before", "label", "after"), TRANSITIONS, ids=[label for _, label, _ in TRANSITIONS]
)
def test_what_is_drawn_makes_another_phase(before: str, label: str, after: str) -> None:
    assert phase_of(before) is not phase_of(after)


def test_every_phase_is_drawn() -> None:
    assert {phase for edge in DRAWN for phase in edge} == set(Phase)


def test_whatever_happens_to_an_instance_is_drawn() -> None:
    seen = set()
    for subject in some():
        if subject.adopted:
            before = reported(subject, BOTH_RUN)
            seen |= {(before.status.phase, after.status.phase) for after in _after_one_step(before)}
    assert {edge for edge in seen if edge[0] is not edge[1]} == DRAWN


def _after_one_step(subject: ComputeInstance) -> Iterator[ComputeInstance]:
    """What *subject* may be next: a job came or ended, or people changed something."""
    newest = subject.jobs[-1] if subject.jobs else None
    if newest is not None and not newest.closed:
        for state in ENDS:
            yield _with_jobs(subject, *subject.jobs[:-1], replace(newest, state=state))
    for _, intent in decide(subject, NOW, BOTH_RUN).intents:
        if isinstance(intent, Provision) and (newest is None or newest.closed):
            asked = {
                "config_version": intent.config_version,
                "restart_requested_at": intent.restart_requested_at,
            }
            yield _with_jobs(subject, *subject.jobs, provision(intent.number, JobState.PENDING, **asked))
        if isinstance(intent, Deprovision) and (newest is None or newest.closed):
            yield _with_jobs(subject, *subject.jobs, deprovision(intent.number, JobState.PENDING))
    yield from _changed_by_people(subject)


def _changed_by_people(subject: ComputeInstance) -> Iterator[ComputeInstance]:
    for spec in (A, B, {**A, RESTART_FIELD: NOW}):
        changed = msgspec.Raw(msgspec.json.encode(spec))
        yield reported(replace(subject, spec=changed), BOTH_RUN)
    again = {**subject.metadata.annotations, RETRY_ANNOTATION: "once more"}
    for metadata in (
        replace(subject.metadata, annotations=again),
        replace(subject.metadata, deletion_timestamp=subject.metadata.deletion_timestamp or LONG_AGO),
    ):
        yield reported(replace(subject, metadata=metadata), BOTH_RUN)


def _with_jobs(subject: ComputeInstance, *jobs: JobRecord) -> ComputeInstance:
    assert all(one.number < other.number for one, other in pairwise(jobs))
    return reported(replace(subject, status=replace(subject.status, jobs=jobs)), BOTH_RUN)
