"""A controller that went away and came back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudkit.runtime.testing import ManualClock
from sandbox.aap.controller import Controller
from sandbox.aap.journal import Journal
from sandbox.aap.model import Job, Order, Status, Template, User
from sandbox.aap.playbooks import Outcome, Rule
from sandbox.aap.replay import resume
from sandbox.aap.rows import row
from sandbox.aap.settings import Settings

EXTRA_VARS = b'{"cloudkit_job": "ns/vm/u1/1", "osac_job_vars": {"resource": {"metadata": {"name": "vm"}}}}'


class Place:
    """Where controllers come and go, with one journal and one clock."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.clock = ManualClock()
        self._journals: list[Journal] = []

    def start(self) -> Controller:
        """A controller that goes on from the journal."""
        controller = Controller(Settings(token="t"), self.clock)
        self._journals.append(Journal(self.file))
        resume(controller, self._journals[-1])
        controller.advance()
        return controller

    def close(self) -> None:
        for journal in self._journals:
            journal.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "journal")
    yield place
    place.close()


def launch(controller: Controller, template: Template) -> Job:
    return controller.launch(
        Order(template=template, user=User(), extra_vars=EXTRA_VARS, prompts={"limit": "a"}), controller.now
    )


def rows(controller: Controller) -> list[bytes]:
    return [row(job, controller.now) for job in controller.jobs]


def odd(job: Job) -> tuple[bool | None, bool]:
    return job.cancelable, job.breaks_lists


def test_everything_is_as_if_it_had_never_been_away(place: Place) -> None:
    before = place.start()
    job, workflow = [template for template in before.catalog if "create" in template.name]
    added = before.put_template(Template(name="create-more"))
    before.add_rules((Rule(template="create-more", outcome=Outcome.FAILED),))
    for template in (job, workflow, added, job, job):
        last = launch(before, template)
        place.clock.pass_time(2)
        before.advance()
    before.cancel(last, before.now, by="alice")
    before.force(launch(before, job), Status.ERROR, before.now, explanation="by hand")
    before.purge(launch(before, job), before.now, by="bob")
    before.mark(launch(before, job), cancelable=False, breaks_lists=True)
    asking = before.put_template(Template(name="ask", kind=workflow.kind, approvals=("May it?",)))
    asked = launch(before, asking)
    place.clock.pass_time(2)
    before.advance()
    (step,) = asked.nodes
    assert step.job is not None
    before.decide(step.job, before.now, approved=False, by="carol")
    place.clock.pass_time(2)
    before.advance()

    after = place.start()

    assert rows(after) == rows(before)
    assert [odd(one) for one in after.jobs] == [odd(one) for one in before.jobs]
    assert after.audit.after(0) == before.audit.after(0)
    assert list(after.machines) == list(before.machines)
    assert launch(after, job).id == launch(before, job).id


def test_what_was_cut_short_is_as_if_never_asked(place: Place) -> None:
    controller = place.start()
    template = next(iter(controller.catalog))
    first = launch(controller, template)
    launch(controller, template)
    place.file.write_bytes(place.file.read_bytes()[:-20])

    again = place.start()
    second = launch(again, template)

    assert [job.id for job in again.jobs] == [first.id, second.id]
    assert [job.id for job in place.start().jobs] == [first.id, second.id]
