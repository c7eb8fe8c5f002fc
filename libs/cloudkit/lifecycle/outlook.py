"""What comes next, and what a person can do: the conditions ``Progressing`` and ``Stalled``."""

from datetime import datetime

from cloudkit.contracts.instance import Launch
from cloudkit.contracts.jobs import JobRecord, JobState, JobType
from cloudkit.lifecycle.commands import manage, resume, try_again
from cloudkit.lifecycle.evidence import expires_at
from cloudkit.lifecycle.finding import FALSE, PROGRESSING, STALLED, TRUE, Finding
from cloudkit.lifecycle.launches import LAUNCH_UNCONFIRMED
from cloudkit.lifecycle.situation import Situation
from cloudkit.lifecycle.work import (
    IN_PROGRESS,
    NO_PLAYBOOK_FINALIZER,
    OUT_OF_REACH,
    PAUSED,
    REMOVED_AND_RESTORED,
    UNMANAGED,
    in_the_way,
    obstacle,
    without_its_machine,
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
    if situation.deleting and situation.removed:
        return _goes_on(RELEASING, "The machine is gone; the resource goes once no finalizer holds it")
    if situation.settled and not situation.deleting:
        return _rests(SETTLED, "The machine is as the spec asks; nothing is left to do")
    launch = obstacle(situation)
    if launch is not None and launch.reason == LAUNCH_UNCONFIRMED:
        return _a_launch_is_looked_for(situation, launch)
    if situation.left_alone:
        return _rests(UNMANAGED, f"People look after it; to have the spec applied: {manage(instance)}")
    if situation.paused:
        return _rests(PAUSED, f"Nothing is started until it is resumed: {resume(instance)}")
    stuck = stalled(situation)
    return _will_be_tried(situation) if stuck is None else _rests(stuck.reason, stuck.message)


def stalled(situation: Situation) -> Finding | None:
    """What waits for a person, if anything does."""
    if situation.active is not None:
        return None
    if situation.came_back:
        return Finding(STALLED, TRUE, REMOVED_AND_RESTORED, without_its_machine(situation))
    if situation.beyond_reach:
        return Finding(STALLED, TRUE, NO_PLAYBOOK_FINALIZER, OUT_OF_REACH)
    job = situation.last_try
    if job is None:
        return None
    again = f"a new spec, or for: {try_again(situation.instance)}"
    if situation.deleting:
        again = f"this: {try_again(situation.instance)}"
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
    text = f"{_how_it_stands(situation, job)} (attempt {_of(situation, job.attempt)})"
    return _goes_on(JOB_ACTIVE, f"{text}{_what_follows(situation, job)}")


def _a_launch_is_looked_for(situation: Situation, launch: Launch) -> Finding:
    text = f"{launch.message}; it is looked for"
    if situation.paused:
        text += f", and nothing is started until it is resumed: {resume(situation.instance)}"
    elif not situation.left_alone:
        text += ", and sent again if it was lost"
    return _goes_on(launch.reason, text)


def _what_follows(situation: Situation, job: JobRecord) -> str:
    if situation.paused:
        return f"; nothing is started after it until it is resumed: {resume(situation.instance)}"
    if job.type is JobType.DEPROVISION or situation.left_alone:
        return ""
    if situation.deleting:
        return "; then the machine is removed"
    if job.config_version not in ("", situation.version):
        return "; then the spec as it is now is applied"
    restarts = situation.restart_wanted in (None, job.restart_requested_at)
    return "" if restarts else "; then the machine is restarted"


def _how_it_stands(situation: Situation, job: JobRecord) -> str:
    name = f"{job.type} job {job.job_id}"
    if job is situation.active_webhook:
        until = expires_at(job, situation.policy)
        limit = f", until {_at(until)} at the longest" if until is not None else ""
        return f"Waiting for what the playbook of {name} leaves on the resource{limit}"
    if job.state is JobState.UNKNOWN:
        return f"Nobody can say how {name} stands; its provider is asked again"
    return f"{job.type.capitalize()} job {job.job_id} is {job.state.lower()}"


def _will_be_tried(situation: Situation) -> Finding:
    launch = obstacle(situation)
    if launch is not None:
        return _goes_on(launch.reason, f"Tried again until it works: {launch.message or launch.reason}")
    attempt = _of(situation, situation.next_attempt)
    if situation.next_try_at is not None:
        text = f"Attempt {attempt} comes at {_at(situation.next_try_at)}"
        return _goes_on(BACKING_OFF, f"{text}; to try at once: {try_again(situation.instance)}")
    return _goes_on(
        LAUNCHING, f"A job that {_does(situation)} the machine is about to be launched (attempt {attempt})"
    )


def _does(situation: Situation) -> str:
    if situation.deleting:
        return "removes"
    return "restarts" if situation.in_sync else "provisions"


def _goes_on(reason: str, message: str) -> Finding:
    return Finding(PROGRESSING, TRUE, reason, message)


def _rests(reason: str, message: str) -> Finding:
    return Finding(PROGRESSING, FALSE, reason, message)


def _of(situation: Situation, attempt: int) -> str:
    return f"{attempt} of {situation.policy.max_attempts}"


def _at(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
