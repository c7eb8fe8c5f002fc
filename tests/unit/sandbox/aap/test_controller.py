"""What the controller does that HTTP does not show."""

from cloudkit.runtime.testing import ManualClock
from sandbox.aap.controller import Controller
from sandbox.aap.model import Order, Status, User
from sandbox.aap.settings import Settings

EXTRA_VARS = b'{"osac_job_vars": {"resource": {"metadata": {"name": "vm"}}}}'


def test_a_playbook_may_go_on_for_a_while_after_its_job_is_shown_as_canceled() -> None:
    clock = ManualClock()
    controller = Controller(Settings(linger_seconds=5, cancel_seconds=1), clock)
    controller.advance()
    order = Order(template=next(iter(controller.catalog)), user=User(), extra_vars=EXTRA_VARS)
    job = controller.launch(order, controller.now)
    clock.pass_time(2)
    controller.advance()
    controller.cancel(job, controller.now, by="alice")

    clock.pass_time(5)
    controller.advance()
    assert (job.status, list(controller.machines)) == (Status.CANCELED, [])
    clock.pass_time(1)
    controller.advance()
    assert [(machine.name, machine.complete) for machine in controller.machines] == [("vm", False)]


def test_time_never_goes_back() -> None:
    clock = ManualClock()
    controller = Controller(Settings(), clock)
    clock.pass_time(10)
    controller.advance()
    before = controller.now

    clock.pass_time(-5)
    controller.advance()

    assert controller.now == before
