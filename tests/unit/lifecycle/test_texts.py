"""What the resource says of a job."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudkit.contracts.jobs import JobState, JobType
from cloudkit.lifecycle.texts import MAX_MESSAGE_BYTES, job_message, shorten

TEXTS = {
    (JobType.PROVISION, JobState.PENDING): "Job queued",
    (JobType.PROVISION, JobState.WAITING): "Job queued",
    (JobType.PROVISION, JobState.RUNNING): "Job running",
    (JobType.PROVISION, JobState.SUCCEEDED): "Job completed successfully",
    (JobType.PROVISION, JobState.FAILED): "AAP job failed",
    (JobType.PROVISION, JobState.CANCELED): "Job canceled",
    (JobType.PROVISION, JobState.UNKNOWN): "Job state unknown",
    (JobType.DEPROVISION, JobState.PENDING): "Deprovision job triggered",
    (JobType.DEPROVISION, JobState.WAITING): "Deprovision job triggered",
    (JobType.DEPROVISION, JobState.RUNNING): "Deprovision job triggered",
    (JobType.DEPROVISION, JobState.SUCCEEDED): "Deprovision completed",
    (JobType.DEPROVISION, JobState.FAILED): "AAP job failed",
    (JobType.DEPROVISION, JobState.CANCELED): "Job canceled",
    (JobType.DEPROVISION, JobState.UNKNOWN): "Job state unknown",
}


def test_every_state_of_every_type_has_its_text() -> None:
    assert {(type, state): job_message(type, state) for type in JobType for state in JobState} == TEXTS


def test_details_follow_the_text() -> None:
    assert job_message(JobType.PROVISION, JobState.FAILED, "no disk") == "AAP job failed: no disk"


@given(st.text(), st.integers(4, 100))
def test_a_text_is_cut_to_the_limit_and_never_inside_a_character(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short.encode()) <= limit
    assert short == text or text.startswith(short.removesuffix(" …").rstrip())


@given(st.text(alphabet="a é\U0001f40d", max_size=300), st.integers(4, 100), st.integers(0, 100))
def test_shortening_again_changes_nothing(text: str, limit: int, more: int) -> None:
    assert shorten(shorten(text, limit), limit) == shorten(text, limit)


def test_a_text_that_fits_is_left_alone() -> None:
    assert shorten("é" * (MAX_MESSAGE_BYTES // 2)) == "é" * (MAX_MESSAGE_BYTES // 2)


def test_a_text_is_cut_at_a_word() -> None:
    assert shorten("the disk is full", 14) == "the disk …"


def test_a_word_without_end_is_cut_anywhere() -> None:
    assert shorten("failed: " + "x" * 5000).startswith("failed: " + "x" * 2000)


@pytest.mark.parametrize("blank", [" " * 5000, "\n" * 5000], ids=["blanks", "lines"])
def test_a_text_of_blanks_is_cut_too(blank: str) -> None:
    assert len(shorten(blank).encode()) <= MAX_MESSAGE_BYTES


def test_half_a_character_cannot_break_a_message() -> None:
    assert shorten("broken \ud800 text") == "broken ? text"
