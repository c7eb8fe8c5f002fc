"""What comes next, and what a person can do: the conditions ``Progressing`` and ``Stalled``."""

from cloudkit.contracts.instance import (
    MANAGEMENT_ANNOTATION,
    PAUSED_ANNOTATION,
    RETRY_ANNOTATION,
    ComputeInstance,
)
from cloudkit.contracts.jobs import JobRecord, JobType
from cloudkit.lifecycle.finding import FALSE, PROGRESSING, STALLED, TRUE, Finding
from cloudkit.lifecycle.history import newest
from cloudkit.lifecycle.situation import Situation
from cloudkit.lifecycle.work import (
    IN_PROGRESS,
    NO_PLAYBOOK_FINALIZER,
    OUT_OF_REACH,
    PAUSED,
    UNMANAGED,
    in_the_way,
    obstacle,
    succeeded,
)

JOB_ACTIVE = "JobActive"
LAUNCHING = "Launching"
BACKING_OFF = "BackingOff"
SETTLED = "Settled"
RELEASING = "Releasing"
CANCELED = "Canceled"
ATTEMPTS_USED_UP = "AttemptsUsedUp"


def progressing(situation: Situation) -> Finding:
    """Whether something is being done, or will be, without anybody's help."""
    instance = situation.instance
    if situation.active is not None:
        return _a_job_is_active(situation, situation.active)
    if situation.deleting and succeeded(newest(instance.jobs, JobType.DEPROVISION)):
        return _goes_on(RELEASING, "The machine is gone; the resource goes once no finalizer holds it")
    if situation.settled and not situation.deleting:
        return _rests(SETTLED, "The machine is as the spec asks; nothing is left to do")
    if situation.left_alone:
        return _rests(UNMANAGED, f"To have the spec applied: {_without(instance, MANAGEMENT_ANNOTATION)}")
    if situation.paused:
        return _rests(
            PAUSED, f"Nothing is started until it is resumed: {_without(instance, PAUSED_ANNOTATION)}"
        )
    stuck = stalled(situation)
    return _will_be_tried(situation) if stuck is None else _rests(stuck.reason, stuck.message)


def stalled(situation: Situation) -> Finding | None:
    """What waits for a person, if anything does."""
    if situation.active is not None:
        return None
    if situation.beyond_reach:
        return Finding(STALLED, TRUE, NO_PLAYBOOK_FINALIZER, OUT_OF_REACH)
    job = situation.last_try
    if job is None:
        return None
    again = f"a new spec, or for: {_try_again(situation.instance)}"
    if situation.deleting:
        again = f"this: {_try_again(situation.instance)}"
    if situation.canceled:
        return Finding(STALLED, TRUE, CANCELED, f"Job {job.job_id} was canceled in AAP. Waiting for {again}")
    if situation.given_up:
        text = f"{job.type.capitalize()} failed {job.attempt} times. Waiting for {again}"
        return Finding(STALLED, TRUE, ATTEMPTS_USED_UP, f"{text} (the last time: {job.message})")
    return None


def _a_job_is_active(situation: Situation, job: JobRecord) -> Finding:
    before_the_cleanup = in_the_way(situation)
    if before_the_cleanup is not None and before_the_cleanup.reason != IN_PROGRESS:
        return _goes_on(before_the_cleanup.reason, before_the_cleanup.message)
    attempt = _of(situation, job.attempt)
    text = f"{job.type.capitalize()} job {job.job_id} is {job.state.lower()} (attempt {attempt})"
    if before_the_cleanup is not None:
        text += "; then the machine is removed" if not situation.paused else "; nothing follows, it is paused"
    return _goes_on(JOB_ACTIVE, text)


def _will_be_tried(situation: Situation) -> Finding:
    launch = obstacle(situation)
    if launch is not None:
        return _goes_on(launch.reason, f"Tried again until it works: {launch.message}")
    attempt = _of(situation, situation.next_attempt)
    if situation.next_try_at is not None:
        at = f"{situation.next_try_at:%Y-%m-%d %H:%M:%S} UTC"
        return _goes_on(
            BACKING_OFF, f"Attempt {attempt} comes at {at}; at once: {_try_again(situation.instance)}"
        )
    verb = "removed" if situation.work is JobType.DEPROVISION else "provisioned"
    return _goes_on(
        LAUNCHING, f"A job is about to be launched by which the machine is {verb} (attempt {attempt})"
    )


def _goes_on(reason: str, message: str) -> Finding:
    return Finding(PROGRESSING, TRUE, reason, message)


def _rests(reason: str, message: str) -> Finding:
    return Finding(PROGRESSING, FALSE, reason, message)


def _of(situation: Situation, attempt: int) -> str:
    return f"{attempt} of {situation.policy.max_attempts}"


def _try_again(instance: ComputeInstance) -> str:
    return f'{_annotate(instance)} --overwrite {RETRY_ANNOTATION}="$(date +%s)"'


def _without(instance: ComputeInstance, annotation: str) -> str:
    return f"{_annotate(instance)} {annotation}-"


def _annotate(instance: ComputeInstance) -> str:
    ref = instance.ref
    return f"kubectl annotate computeinstance {ref.name} -n {ref.namespace}"
