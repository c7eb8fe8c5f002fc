"""Subjects: one place per instance, and no two instances share one."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudkit.contracts import subjects
from cloudkit.contracts.events import JobEvent, JobEventName
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.jobs import JobRecord, JobState, JobType, Provider
from cloudkit.contracts.subjects import Addressee

REF = InstanceRef("ns", "vm.one", "uid-1")
JOB = JobRecord(
    type=JobType.DEPROVISION, state=JobState.FAILED, timestamp=datetime(2026, 1, 2, tzinfo=UTC), number=1
)
FAILED = JobEvent(event=JobEventName.FAILED, instance=REF, job=JOB)

kubernetes_names = st.from_regex(
    r"[a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?){0,3}", fullmatch=True
)


def matches(pattern: str, subject: str) -> bool:
    """Whether a NATS subscription to *pattern* hears *subject*."""
    parts = [{"*": r"[^.]+", ">": r".+"}.get(token, re.escape(token)) for token in pattern.split(".")]
    return re.fullmatch(r"\.".join(parts), subject) is not None


@given(kubernetes_names, kubernetes_names)
def test_two_names_never_share_a_subject(one: str, other: str) -> None:
    def subject(name: str) -> str:
        return subjects.intent_subject(Addressee.AAP, InstanceRef("ns", name, "u"))

    assert (subject(one) == subject(other)) is (one == other)


@given(kubernetes_names, kubernetes_names)
def test_a_name_is_one_token_without_wildcards(namespace: str, name: str) -> None:
    subject = subjects.intent_subject(Addressee.AAP, InstanceRef(namespace, name, "u"))
    assert len(subject.split(".")) == 5
    assert not set(subject) & set("*> \t\r\n")


def test_a_job_event_names_everything_somebody_may_subscribe_to() -> None:
    assert subjects.job_subject(FAILED) == "cloudkit.job.ns.vm_one.uid-1.aap.deprovision.failed"


def test_an_intent_stands_where_its_addressee_looks() -> None:
    subject = subjects.intent_subject(Addressee.STATUS, REF)
    assert subject == "cloudkit.intent.status.ns.vm_one"
    assert matches(subjects.intents_for(Addressee.STATUS), subject)
    assert matches(subjects.intents_for(Addressee.STATUS, "ns"), subject)
    assert not matches(subjects.intents_for(Addressee.STATUS, "other"), subject)
    assert not matches(subjects.intents_for(Addressee.AAP), subject)


def test_a_job_event_is_heard_by_its_name_its_uid_and_its_kind() -> None:
    subject = subjects.job_subject(FAILED)
    assert matches(subjects.jobs_of_name(REF), subject)
    assert matches(subjects.jobs_of_uid(REF), subject)
    assert matches(subjects.events_named("failed"), subject)
    assert matches(subjects.events_named("failed", "ns"), subject)
    assert not matches(subjects.events_named("failed", "other"), subject)
    assert not matches(subjects.events_named("succeeded"), subject)


def test_another_life_of_the_name_is_heard_by_name_only() -> None:
    former = InstanceRef("ns", "vm.one", "uid-0")
    assert matches(subjects.jobs_of_name(former), subjects.job_subject(FAILED))
    assert not matches(subjects.jobs_of_uid(former), subjects.job_subject(FAILED))


@pytest.mark.parametrize(
    ("subject", "stream"),
    [
        (subjects.intent_subject(Addressee.EDA, REF), subjects.INTENT_SUBJECTS),
        (subjects.job_subject(FAILED), subjects.JOB_SUBJECTS),
        (subjects.dead_letter_subject("watcher", "cloudkit.job.a.b"), subjects.DEAD_LETTER_SUBJECTS),
    ],
    ids=["intent", "job event", "dead letter"],
)
def test_every_subject_is_kept_by_exactly_one_stream(subject: str, stream: str) -> None:
    streams = (subjects.INTENT_SUBJECTS, subjects.JOB_SUBJECTS, subjects.DEAD_LETTER_SUBJECTS)
    assert [kept for kept in streams if matches(kept, subject)] == [stream]


@pytest.mark.parametrize("provider", Provider)
def test_every_provider_has_its_addressee(provider: Provider) -> None:
    assert subjects.ADDRESSEE_OF[provider].value == provider.value
