"""The index of jobs narrows down, and never loses a job that a filter lets through."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from cloudkit.runtime.testing import ManualClock
from cloudkit.runtime.testing.manual_clock import NEW_YEAR
from sandbox.aap.controller import Controller
from sandbox.aap.filters import read_filter
from sandbox.aap.job_views import MODELS
from sandbox.aap.model import JobKind, Order, User
from sandbox.aap.settings import Settings

UNIFIED = MODELS[tuple(JobKind)]
COUNT, SPACING = 40, 1.0


def history() -> Controller:
    """Jobs of both kinds in every state: some failed, some canceled, one purged."""
    clock = ManualClock()
    controller = Controller(Settings(first_id=1, job_seconds=7), clock)
    templates = list(controller.catalog)
    for number in range(COUNT):
        clock.pass_time(SPACING)
        controller.advance()
        job = controller.launch(Order(template=templates[number % 4], user=User()), controller.now)
        if number % 5 == 0:
            controller.cancel(job, controller.now, by="somebody")
        if number == COUNT // 2:
            controller.purge(job, controller.now, by="somebody")
    return controller


HISTORY = history()
moments = st.integers(-2, COUNT + 10).map(
    lambda seconds: (NEW_YEAR + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
)
ids = st.integers(0, 2 * COUNT)
conditions = st.one_of(
    st.tuples(st.sampled_from(["created__gte", "created__gt", "finished__gte", "finished__gt"]), moments),
    st.tuples(st.sampled_from(["created__lt", "finished__lt", "not__finished__gt"]), moments),
    st.tuples(st.sampled_from(["id__gt", "id__gte", "id", "id__lt"]), ids.map(str)),
    st.tuples(st.just("id__in"), st.lists(ids, min_size=1).map(lambda some: ",".join(map(str, some)))),
    st.tuples(
        st.sampled_from(["status__in", "not__status__in"]),
        st.sampled_from(["pending,running", "successful,running"]),
    ),
    st.tuples(st.just("status"), st.sampled_from(["running", "canceled"])),
)
alternatives = st.lists(conditions.map(lambda one: (f"or__{one[0]}", one[1])), max_size=3)


@given(st.lists(conditions, max_size=3), alternatives)
def test_an_index_finds_what_a_full_scan_finds(
    every: list[tuple[str, str]], some: list[tuple[str, str]]
) -> None:
    filter = read_filter([*every, *some], UNIFIED)

    found = sorted(job.id for job in HISTORY.jobs.candidates(filter) if filter.passes(job))

    assert found == [job.id for job in HISTORY.jobs if filter.passes(job)]


def test_a_poll_looks_at_few_jobs() -> None:
    filter = read_filter(
        [("or__finished__gte", "2026-01-01T00:00:40Z"), ("or__created__gte", "2026-01-01T00:00:39Z")], UNIFIED
    )

    assert len(HISTORY.jobs.candidates(filter)) < 5
