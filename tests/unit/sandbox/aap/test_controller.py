"""What the controller does that HTTP does not show."""

from cloudkit.runtime.testing import ManualClock
from sandbox.aap.controller import Controller
from sandbox.aap.model import Job, Order, Status, User
from sandbox.aap.settings import Settings

EXTRA_VARS = b'{"osac_job_vars": {"resource": {"metadata": {"name": "vm"}}}}'
BY_RULEBOOK = b'{"ansible_eda": {"ruleset": "any", "event": {"payload": {"metadata": {"name": "vm"}}}}}'


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


def test_a_job_that_a_rulebook_launched_touches_its_machine_when_it_may_go_on() -> None:
    clock = ManualClock()
    controller = Controller(Settings(job_seconds=1), clock)
    controller.advance()
    order = Order(template=next(iter(controller.catalog)), user=User(), extra_vars=BY_RULEBOOK)
    job, failing = (controller.launch(order, controller.now) for _ in range(2))
    clock.pass_time(60)
    controller.advance()
    assert (job.status, list(controller.machines)) == (Status.RUNNING, [])

    controller.force(failing, Status.FAILED, controller.now)
    controller.advance()
    assert list(controller.machines) == []

    controller.proceed(job, controller.now)
    clock.pass_time(1)
    controller.advance()
    assert (job.status, [machine.name for machine in controller.machines]) == (Status.SUCCESSFUL, ["vm"])


def test_time_never_goes_back() -> None:
    clock = ManualClock()
    controller = Controller(Settings(), clock)
    clock.pass_time(10)
    controller.advance()
    before = controller.now

    clock.pass_time(-5)
    controller.advance()

    assert controller.now == before


def a_workflow_that_runs(clock: ManualClock) -> tuple[Controller, Job]:
    controller = Controller(Settings(), clock)
    controller.advance()
    template = next(one for one in controller.catalog if one.nodes)
    job = controller.launch(Order(template=template, user=User(), extra_vars=EXTRA_VARS), controller.now)
    clock.pass_time(2)
    controller.advance()
    return controller, job


def test_what_a_forgotten_workflow_ran_is_forgotten_with_it() -> None:
    clock = ManualClock()
    controller, workflow = a_workflow_that_runs(clock)

    controller.purge(workflow, controller.now, by="hand")
    clock.pass_time(60)
    controller.advance()

    assert list(controller.jobs) == []
    assert list(controller.machines) == []


def test_a_workflow_whose_running_step_is_forgotten_does_not_wait_for_it() -> None:
    clock = ManualClock()
    controller, workflow = a_workflow_that_runs(clock)
    (step,) = (node.job for node in workflow.nodes)
    assert step is not None

    controller.purge(step, controller.now, by="hand")
    clock.pass_time(1)
    controller.advance()

    assert workflow.status is Status.SUCCESSFUL
    assert [node.job for node in workflow.nodes] == [None]
