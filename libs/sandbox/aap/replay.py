"""A controller as it was: everything that its journal holds is asked again."""

from typing import assert_never

from sandbox.aap.controller import Controller
from sandbox.aap.journal import (
    Canceled,
    Change,
    Decided,
    Forced,
    Journal,
    Launched,
    Marked,
    OfJob,
    Proceeded,
    Purged,
    Restored,
    RulesAdded,
    RulesReset,
    TemplatePut,
    TemplateRemoved,
)
from sandbox.aap.model import Job


def resume(controller: Controller, journal: Journal) -> None:
    """Bring the fresh *controller* to where *journal* ends, and keep what comes there, too."""
    for change in journal.changes():
        controller.advance_to(change.at)
        _ask_again(controller, change)
    controller.journal = journal


def _ask_again(controller: Controller, change: Change) -> None:
    match change:
        case Launched(at=at, order=order, seen_after=seconds):
            controller.launch(order, at, seen_after=seconds)
        case Canceled() | Decided() | Forced() | Marked() | Proceeded() | Purged():
            if (job := controller.jobs.get(change.job)) is not None:
                _change_job(controller, job, change)
        case Restored(next_id=next_id):
            controller.restore(next_id)
        case TemplatePut(template=template):
            controller.put_template(template)
        case TemplateRemoved(id=id):
            controller.remove_template(id)
        case RulesAdded(rules=rules):
            controller.add_rules(rules)
        case RulesReset():
            controller.reset_rules()
        case _:
            assert_never(change)


def _change_job(controller: Controller, job: Job, change: OfJob) -> None:
    match change:
        case Canceled(at=at, by=by):
            controller.cancel(job, at, by=by)
        case Forced(at=at, status=status, explanation=explanation):
            controller.force(job, status, at, explanation=explanation)
        case Decided(at=at, approved=approved, by=by):
            controller.decide(job, at, approved=approved, by=by)
        case Marked(cancelable=cancelable, breaks_lists=breaks_lists):
            controller.mark(job, cancelable=cancelable, breaks_lists=breaks_lists)
        case Proceeded(at=at):
            controller.proceed(job, at)
        case Purged(at=at, by=by):
            controller.purge(job, at, by=by)
        case _:
            assert_never(change)
