"""Virtual playbooks: how long a job takes and how it ends.

Rules are asked in order, and each answer is taken from the first matching rule that gives it: a
rule may say how long without saying how it ends.
"""

from collections.abc import Iterable
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec

from sandbox.aap.settings import Settings
from sandbox.aap.subjects import Purpose, Subject


class Outcome(StrEnum):
    """How a playbook ends."""

    SUCCESSFUL = "successful"
    FAILED = "failed"
    """A task fails; only job events say which."""
    ERROR = "error"
    """AAP itself breaks; ``result_traceback`` says how."""
    STUCK = "stuck"
    """It runs until somebody cancels it."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The task that fails, where, and with which message."""

    task: str = "Create virtual machine"
    host: str = "localhost"
    message: str = "exceeded quota: requested: cpu=999, used: cpu=40, limited: cpu=64"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """For which jobs, and what they do. ``name`` and ``template`` are fnmatch patterns on the
    resource's and the template's name; what is None is left to later rules."""

    name: str = "*"
    template: str = "*"
    purpose: Purpose | None = None
    vcpu_above: float | None = None
    outcome: Outcome | None = None
    failure: Failure | None = None
    seconds: float | None = None
    pending_seconds: float | None = None
    waiting_seconds: float | None = None
    cancel_seconds: float | None = None
    survives_cancel: bool | None = None
    """AAP shows the job as canceled at once, yet the playbook runs on, and its end overwrites that."""

    def matches(self, template: str, purpose: Purpose, subject: Subject) -> bool:
        return (
            fnmatchcase(subject.name, self.name)
            and fnmatchcase(template, self.template)
            and self.purpose in (None, purpose)
            and (self.vcpu_above is None or subject.vcpu > self.vcpu_above)
        )


class Play(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of one job; durations in seconds."""

    outcome: Outcome
    failure: Failure
    seconds: float
    pending_seconds: float
    waiting_seconds: float
    cancel_seconds: float
    survives_cancel: bool


DEFAULT_RULES = (
    Rule(vcpu_above=500, purpose=Purpose.PROVISION, outcome=Outcome.FAILED),
    Rule(name="*-fail", purpose=Purpose.PROVISION, outcome=Outcome.FAILED),
    Rule(name="*-fail-*", purpose=Purpose.PROVISION, outcome=Outcome.FAILED),
    Rule(name="*-stuck", purpose=Purpose.PROVISION, outcome=Outcome.STUCK),
    Rule(name="*-stuck-*", purpose=Purpose.PROVISION, outcome=Outcome.STUCK),
    Rule(name="*-slow", seconds=60),
    Rule(name="*-slow-*", seconds=60),
    *(
        Rule(
            name=name,
            purpose=Purpose.DEPROVISION,
            outcome=Outcome.FAILED,
            failure=Failure(
                task="Delete virtual machine", message="timed out waiting for the volumes to detach"
            ),
        )
        for name in ("*-undeletable", "*-undeletable-*")
    ),
)


def _by_default(settings: Settings) -> Rule:
    return Rule(
        outcome=Outcome.SUCCESSFUL,
        failure=Failure(),
        seconds=settings.job_seconds,
        pending_seconds=settings.pending_seconds,
        waiting_seconds=settings.waiting_seconds,
        cancel_seconds=settings.cancel_seconds,
        survives_cancel=False,
    )


class Playbooks:
    """The rules in force; the newest are asked first."""

    def __init__(self, settings: Settings) -> None:
        self._last = _by_default(settings)
        self.rules: tuple[Rule, ...] = DEFAULT_RULES

    def put_first(self, rules: Iterable[Rule]) -> None:
        """Ask *rules* before all others."""
        self.rules = (*rules, *self.rules)

    def reset(self) -> None:
        """Only the default rules again."""
        self.rules = DEFAULT_RULES

    def plan(self, template: str, purpose: Purpose, subject: Subject) -> Play:
        """What a job of *template* about *subject* does."""
        matching = [rule for rule in self.rules if rule.matches(template, purpose, subject)]
        matching.append(self._last)
        answers = {
            field: next(answer for rule in matching if (answer := getattr(rule, field)) is not None)
            for field in Play.__struct_fields__
        }
        return Play(**answers)
