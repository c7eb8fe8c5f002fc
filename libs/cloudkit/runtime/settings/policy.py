"""The settings that say how patient we are: the same in the watcher and the status-writer."""

from dataclasses import dataclass
from datetime import timedelta

from cloudkit.contracts.errors import Misconfigured
from cloudkit.contracts.jobs import Provider
from cloudkit.lifecycle.policy import Policy
from cloudkit.runtime.settings.declare import setting
from cloudkit.runtime.settings.kinds import choice, duration, integer


@dataclass(frozen=True, kw_only=True)
class PolicySettings:
    """What the services can be told that decide: give all of them the same values."""

    provisioning_provider: Provider = setting(
        "CLOUDKIT_PROVISIONING_PROVIDER",
        choice(Provider),
        default=Provider.EDA,
        doc="Who runs the jobs: aap. (eda is the default of old, and not available yet.)",
    )
    max_attempts: int = setting(
        "CLOUDKIT_MAX_ATTEMPTS",
        integer,
        default="5",
        minimum=1,
        doc="How often a job is tried before somebody must look at it.",
    )
    retry_base: float = setting(
        "CLOUDKIT_RETRY_BASE",
        duration,
        default="2m",
        minimum=0.1,
        doc="How long after its first failure a job is tried again; doubles with each further one.",
    )
    retry_max: float = setting(
        "CLOUDKIT_RETRY_MAX",
        duration,
        default="30m",
        minimum=0.1,
        doc="The longest wait after a failure.",
    )
    max_job_history: int = setting(
        "CLOUDKIT_MAX_JOB_HISTORY",
        integer,
        default="10",
        minimum=2,
        doc="How many jobs the status of an instance shows.",
    )

    def __post_init__(self) -> None:
        if self.provisioning_provider is Provider.EDA:
            raise Misconfigured("provider eda is not available yet: set CLOUDKIT_PROVISIONING_PROVIDER=aap")
        if self.retry_base > self.retry_max:
            raise Misconfigured("CLOUDKIT_RETRY_BASE must not be longer than CLOUDKIT_RETRY_MAX")

    @property
    def policy(self) -> Policy:
        return Policy(
            provider=self.provisioning_provider,
            providers=frozenset({self.provisioning_provider}),
            retry_base=timedelta(seconds=self.retry_base),
            retry_max=timedelta(seconds=self.retry_max),
            max_attempts=self.max_attempts,
            max_job_history=self.max_job_history,
        )
