"""Jobs: what a provider runs for an instance, and how far it has come.

::

    Pending ──► Waiting ──► Running ──► Succeeded │ Failed │ Canceled
       └───────────┴───────────┘ (a job may end from any of them, or fall back from Running to Pending)

    Unknown: nobody can say (every EDA job until its evidence appears).
"""

from enum import StrEnum

import msgspec

from cloudkit.contracts.moments import Moment


class Provider(StrEnum):
    """Who runs the job."""

    AAP = "aap"
    EDA = "eda"


class JobType(StrEnum):
    """What the job does to the machine."""

    PROVISION = "provision"
    DEPROVISION = "deprovision"


class JobKind(StrEnum):
    """What AAP calls the job: the words are AAP's own ``type`` values."""

    JOB = "job"
    WORKFLOW_JOB = "workflow_job"


class JobState(StrEnum):
    """The state of a job as the resource shows it."""

    PENDING = "Pending"
    """Created, not started."""
    WAITING = "Waiting"
    """Accepted by a node, not started."""
    RUNNING = "Running"
    """The playbook runs."""
    SUCCEEDED = "Succeeded"
    """It ended, and did what it should."""
    FAILED = "Failed"
    """It ended, and did not do what it should."""
    CANCELED = "Canceled"
    """Somebody stopped it."""
    UNKNOWN = "Unknown"
    """Nobody can say how it stands."""


TERMINAL_STATES = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED})


class JobRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One job of one instance, as it stands in every job event and in ``status.jobs``.

    ``number`` counts the jobs of one uid, 1, 2, 3 …, across both types. ``revision`` grows with
    every event of the job: of two records of one job the higher revision is the newer. 0 in either
    marks a record that another controller wrote.

    ``template`` names what was launched, or is about to be, and ``launched_from`` is AAP's id of it:
    both stay in the log.

    ``awaits`` is what the playbook of an EDA job will report instead of its ``config_version``, which stood
    on the resource already when its webhook was sent.

    ``timestamp`` is when the record was made, by the clock of the service that made it;
    ``started_at`` and ``finished_at`` are AAP's own words. A job with ``finished_at`` is closed: its
    record never changes again. ``retry_requested_at`` and ``restart_requested_at`` are what the annotation
    and the field of the spec of these names said when the job was asked for.
    """

    type: JobType
    state: JobState
    timestamp: Moment
    # What equals a plain default is not written; these are, whatever they are: people look for them.
    block_deletion_on_failure: bool = msgspec.field(default_factory=bool)
    attempt: int = msgspec.field(default_factory=lambda: 1)
    provider: Provider = msgspec.field(default_factory=lambda: Provider.AAP)
    number: int = 0
    revision: int = 0
    job_id: str = msgspec.field(default="", name="jobID")
    kind: JobKind | None = None
    config_version: str = ""
    awaits: str = ""
    retry_requested_at: str = ""
    restart_requested_at: Moment | None = None
    template: str = ""
    launched_from: int = 0
    reason: str = ""
    message: str = ""
    started_at: Moment | None = None
    finished_at: Moment | None = None
    claimant: str = ""
    """The message id of the claim that this record descends from; empty for a job found in AAP or
    taken over from the resource. Stays in the log; the resource does not show it."""
    stray_id: str = msgspec.field(default="", name="strayID")
    """The provider's name for a job that was launched for this number and runs without the resource: it
    must be seen to have ended before the number is claimed again. Stays in the log."""

    @property
    def closed(self) -> bool:
        """Whether this job will never change again."""
        return self.finished_at is not None or self.state in TERMINAL_STATES
