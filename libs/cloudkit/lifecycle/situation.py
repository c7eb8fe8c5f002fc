"""Everything that a decision depends on, and what follows from it at once."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from cloudkit.contracts.instance import ComputeInstance, Phase
from cloudkit.contracts.jobs import JobRecord, JobState, JobType, Provider
from cloudkit.lifecycle.config_version import applied_version, config_version
from cloudkit.lifecycle.evidence import awaited_until, held_by_playbook
from cloudkit.lifecycle.history import active, newest
from cloudkit.lifecycle.policy import Policy


@dataclass(frozen=True)
class Situation:
    """An instance as it is, the time, and the operator's choices."""

    instance: ComputeInstance
    now: datetime
    policy: Policy

    @cached_property
    def version(self) -> str:
        """The config version of the spec as it is. Raises `Malformed` if the spec is no object."""
        return config_version(self.instance.spec)

    @property
    def deleting(self) -> bool:
        return self.instance.deleting

    @property
    def paused(self) -> bool:
        """Whether people want nothing new to be started."""
        return self.instance.paused

    @property
    def left_alone(self) -> bool:
        """Whether people look after it themselves, until it is to be deleted."""
        return self.instance.unmanaged and not self.deleting

    @property
    def work(self) -> JobType:
        """What is to be done with the machine."""
        return JobType.DEPROVISION if self.deleting else JobType.PROVISION

    @property
    def ours(self) -> bool:
        """Whether we hold the instance; or, now that no finalizer can be added any more, a playbook does,
        which put its own in the place of all others: then there is a machine, whatever is remembered."""
        return self.instance.adopted or (self.deleting and held_by_playbook(self.instance, self.policy))

    @cached_property
    def provider(self) -> Provider:
        """Who runs the next job. What AAP made and no playbook holds, only AAP can be seen to remove; and
        where nobody remembers that EDA ever ran, AAP, whose cleanup does no harm, makes sure."""
        chosen = self.policy.provider_for(self.instance)
        if self.deleting and chosen is Provider.EDA and (self.only_aap_can_remove or self._eda_never_ran):
            return next(iter(self.policy.providers & {Provider.AAP}), chosen)
        return chosen

    @property
    def _eda_never_ran(self) -> bool:
        by_eda = any(job.provider is Provider.EDA for job in self.instance.jobs)
        return not by_eda and not held_by_playbook(self.instance, self.policy)

    @property
    def only_aap_can_remove(self) -> bool:
        """Whether AAP may have made a machine, and EDA would leave no trace of having removed it."""
        by_aap = any(job.provider is Provider.AAP and job.job_id for job in self.instance.jobs)
        return by_aap and not held_by_playbook(self.instance, self.policy)

    @cached_property
    def newest(self) -> JobRecord | None:
        return newest(self.instance.jobs)

    @cached_property
    def active(self) -> JobRecord | None:
        """The job that may be running."""
        return active(self.instance.jobs)

    @property
    def active_webhook(self) -> JobRecord | None:
        """The EDA job whose playbook may be running."""
        job = self.active
        return job if job is not None and job.provider is Provider.EDA else None

    @property
    def awaited(self) -> JobRecord | None:
        """The EDA job that a deletion waits for."""
        job = self.active_webhook
        return job if self.deleting and job is not None and job.type is JobType.PROVISION else None

    @property
    def awaited_until(self) -> datetime:
        """Until when, if there is one."""
        job = self.awaited
        return self.now if job is None else awaited_until(self.instance, job, self.policy)

    @property
    def beyond_reach(self) -> bool:
        """Whether it is to be deleted by a provider that could not be seen to remove its machine."""
        return self.deleting and self.provider is Provider.EDA and self.only_aap_can_remove

    @property
    def came_back(self) -> bool:
        """Whether its cleanup has begun although it is not being deleted: nobody can take a deletion back,
        but a backup can that Kubernetes is restored from."""
        begun = (self.newest, self.instance.status.launch)
        return not self.deleting and any(one is not None and one.type is JobType.DEPROVISION for one in begun)

    @property
    def removed(self) -> bool:
        """Whether the machine is gone: a cleanup succeeded, and nothing was made since."""
        job = self.newest
        if job is None or (job.type, job.state) != (JobType.DEPROVISION, JobState.SUCCEEDED):
            return False
        # A playbook that nobody expected any more may have made something.
        return job.provider is not Provider.EDA or not held_by_playbook(self.instance, self.policy)

    @cached_property
    def provisioned(self) -> JobRecord | None:
        """The newest provision job."""
        return newest(self.instance.jobs, JobType.PROVISION)

    @cached_property
    def in_sync(self) -> bool:
        """Whether the newest provision job applied the spec as it is now."""
        job = self.provisioned
        if job is None or job.state is not JobState.SUCCEEDED:
            return False
        return applied_version(self.instance, job) == self.version

    @property
    def touched_by(self) -> JobRecord | None:
        """The provision job for another spec that has not succeeded, and may have changed the machine."""
        job = self.provisioned
        if job is None or job.state is JobState.SUCCEEDED or job.config_version in ("", self.version):
            return None
        return job

    @cached_property
    def restart_wanted(self) -> datetime | None:
        """The restart that people asked for and that no job has brought about yet. What they wrote is
        compared with what they wrote before, never with a clock."""
        asked, done = self.instance.restart_requested_at, self.instance.status.last_restarted_at
        return asked if asked is not None and (done is None or asked > done) else None

    @cached_property
    def settled(self) -> bool:
        """Whether the machine is as people want it."""
        return not self.came_back and self.in_sync and self.restart_wanted is None

    @cached_property
    def last_try(self) -> JobRecord | None:
        """The newest job that tried what is to be done now; None when this is something new."""
        job = newest(self.instance.jobs, self.work)
        if job is None or self.instance.retry_requested_at not in ("", job.retry_requested_at):
            return None
        if self.deleting:
            return job
        restarts = self.restart_wanted in (None, job.restart_requested_at)
        return job if restarts and job.config_version == self.version else None

    @property
    def next_number(self) -> int:
        """One more than the newest job, or the number that a launch without a job took or was refused: a
        status from a backup may know fewer jobs than the log has counted."""
        launch = self.instance.status.launch
        return max(self.newest.number + 1 if self.newest else 1, launch.number if launch else 1)

    @property
    def next_attempt(self) -> int:
        return self.last_try.attempt + 1 if self.last_try else 1

    @property
    def given_up(self) -> bool:
        """Whether the last attempt that the policy grants has failed."""
        job = self.last_try
        return job is not None and _failed(job) and job.attempt >= self.policy.max_attempts

    @property
    def canceled(self) -> bool:
        """Whether a person stopped the last try in AAP."""
        return self.last_try is not None and self.last_try.state is JobState.CANCELED

    @property
    def next_try_at(self) -> datetime | None:
        """When the back-off after a failed try is, or was, over; None if there is none."""
        job = self.last_try
        if job is None or not _failed(job) or self.given_up:
            return None
        wait = self.policy.backoff(job.attempt, f"{self.instance.metadata.uid}/{job.number}")
        # A clock that was years ahead when it stamped the failure must not make us wait for years.
        return job.timestamp + wait if job.timestamp <= self.now + wait else None

    @property
    def tries_again(self) -> bool:
        """Whether a failed try is followed by another one without anybody's help."""
        held = self.paused or self.left_alone or self.beyond_reach or self.came_back
        return self.active is None and not held

    @property
    def without_news(self) -> bool:
        """Whether the active job has not been heard of for long."""
        # Not "later than": a clock that was set back must not make us wait for ever.
        return self.active is not None and (abs(self.now - self.active.timestamp) >= self.policy.follow_after)

    @property
    def phase(self) -> Phase:
        """One word for how the instance stands."""
        if self.deleting:
            return Phase.DELETING
        if self.settled:
            return Phase.READY
        if self.came_back:
            return Phase.FAILED
        job = self.last_try
        failed = job is not None and job.state in (JobState.FAILED, JobState.CANCELED)
        return Phase.FAILED if failed else Phase.PROGRESSING


def _failed(job: JobRecord) -> bool:
    return job.closed and job.state not in (JobState.SUCCEEDED, JobState.CANCELED)
